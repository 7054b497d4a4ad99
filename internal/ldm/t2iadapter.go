package ldm

import (
	"fmt"
	"slices"
	"strings"
)

// t2iPrefixes are what tools put before the names of a T2I-Adapter.
var t2iPrefixes = []string{"adapter.", ""}

// The two ways in which a T2I-Adapter names its layers: the original code numbers the
// residual blocks of all levels as one row, diffusers those of each level.
const (
	t2iOriginal  = "body.0.block1.weight"
	t2iLight     = "body.0.body.0.block1.weight" // original, of a light adapter
	t2iDiffusers = "body.0.resnets.0.block1.weight"
)

// OpenT2IAdapter finds a T2I-Adapter in a file, in the names of the original code or of
// diffusers, and its configuration. It is also what becomes of each tensor.
func OpenT2IAdapter(tensors Tensors) (*Part, []Fate, error) {
	names, files := unwrapped(tensors)
	for _, prefix := range t2iPrefixes {
		v := &view{Tensors: tensors, from: make(map[string]string)}
		for _, name := range names {
			if rest, ok := strings.CutPrefix(name, prefix); ok {
				v.names, v.from[rest] = append(v.names, rest), files[name]
			}
		}
		f := newFile(v)
		f.view = v
		if !f.has(t2iOriginal) && !f.has(t2iLight) && !f.has(t2iDiffusers) {
			continue
		}
		p, err := f.t2iAdapter()
		if err != nil {
			return nil, nil, fmt.Errorf("ldm: this is a T2I-Adapter: %w", err)
		}
		return p, f.fates(map[string]*Part{t2iAdapter: p}), nil
	}
	what := fmt.Sprintf("have %d tensors", len(names))
	if o, ok := OtherKind(tensors); ok {
		what = "this is " + o.What
	}
	return nil, nil, fmt.Errorf("ldm: %s: want a T2I-Adapter", what)
}

// t2iAdapter is the adapter.
func (f *file) t2iAdapter() (*Part, error) {
	p := newPart(f)
	row := f.rowLength()
	for _, name := range f.names {
		if word := firstWord(name); word == "body" || word == "conv_in" {
			p.add(f, "adapter."+t2iName(name, row), name)
		}
	}
	return p, p.t2iConfig()
}

// rowLength is how many residual blocks a level has that are numbered in one row with
// those of the others, or 0 if they are not: up to the first that changes the channels.
func (f *file) rowLength() int {
	if !f.has(t2iOriginal) {
		return 0
	}
	n := 1
	for f.has(fmt.Sprintf("body.%d.block1.weight", n)) {
		if f.has(fmt.Sprintf("body.%d.in_conv.weight", n)) {
			return n
		}
		n++
	}
	return n
}

// t2iName is what diffusers calls a tensor.
func t2iName(name string, row int) string {
	rest, ok := strings.CutPrefix(name, "body.")
	if !ok {
		return name
	}
	digits, rest, _ := strings.Cut(rest, ".")
	n, ok := number(digits)
	switch {
	case !ok:
		return name
	case row > 0 && strings.HasPrefix(rest, "block"):
		return fmt.Sprintf("body.%d.resnets.%d.%s", n/row, n%row, rest)
	case row > 0:
		return fmt.Sprintf("body.%d.%s", n/row, rest)
	}
	if inner, ok := strings.CutPrefix(rest, "body."); ok {
		rest = "resnets." + inner
	}
	return fmt.Sprintf("body.%d.%s", n, rest)
}

// t2iConfig sets the config.json of an adapter of these tensors.
func (p *Part) t2iConfig() error {
	var channels []int
	light := p.dim("adapter.body.0.out_conv.weight", 0) > 0
	layer, first := "adapter.body.%d.resnets.0.block1.weight", "adapter.conv_in.weight"
	if light {
		layer, first = "adapter.body.%d.out_conv.weight", "adapter.body.0.in_conv.weight"
	}
	for i := range rows(p.names, "body.")["adapter."] {
		key := fmt.Sprintf(layer, i)
		n := p.dim(key, 0)
		if n == 0 {
			return fmt.Errorf("%.200s is missing or not of the kind it should be", key)
		}
		channels = append(channels, n)
	}
	blocks := rows(p.names, "resnets.")["adapter.body.0."]
	in := p.dim(first, 1)
	i := slices.IndexFunc(t2iInputs, func(k t2iInput) bool { return k.pictures*k.factor*k.factor == in })
	if i < 0 {
		return fmt.Errorf("%.200s reads %d channels, want 64 or 192 (squares of 8×8 pixels), or 256 or 768 (16×16, for Stable Diffusion XL)", first, in)
	}
	kind := t2iInputs[i].kind
	if light {
		kind = "light_adapter"
		channels = channels[:max(len(channels)-1, 1)] // the last has no number of its own
	}
	p.config = map[string]any{
		"_class_name": "T2IAdapter", "adapter_type": kind, "channels": channels, "num_res_blocks": blocks,
		"in_channels": t2iInputs[i].pictures, "downscale_factor": t2iInputs[i].factor,
	}
	return nil
}

// t2iInput is a picture that adapters read: its channels, and the side of the squares of
// which each is one pixel with more channels.
type t2iInput struct {
	pictures, factor int
	kind             string
}

var t2iInputs = []t2iInput{{1, 8, "full_adapter"}, {3, 8, "full_adapter"}, {1, 16, "full_adapter_xl"}, {3, 16, "full_adapter_xl"}}
