package export

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sdgo/internal/ldm"
	"sdgo/safetensors/checkpoint"
)

// Canonical returns the model with its tensors under the names that diffusers gives them
// now, whatever those of its files are.
func (m *Model) Canonical() (*Model, error) {
	c := *m
	c.Parts = make(map[string]checkpoint.Source)
	for part, src := range m.Parts {
		if _, ok := weightFiles[part]; !ok {
			return nil, fmt.Errorf("have a part %.80q, which is not known", part)
		}
		r := &renamed{Source: src, from: make(map[string]string)}
		for _, name := range src.Names() {
			to := nameNow(part, name)
			if _, twice := r.from[to]; twice {
				return nil, fmt.Errorf("%s: %.200s: two tensors have this name", part, to)
			}
			r.from[to] = name
		}
		c.Parts[part] = r
	}
	return &c, nil
}

// attention are the layers of attention in a VAE that was saved before 2023.
var attention = strings.NewReplacer(".query.", ".to_q.", ".key.", ".to_k.", ".value.", ".to_v.", ".proj_attn.", ".to_out.0.")

// nameNow is the name of a tensor now. Transformers 5 writes those of text encoders without
// the prefix that all else expects.
func nameNow(part, name string) string {
	const prefix, projection = "text_model.", "text_projection."
	switch {
	case part == ldm.VAE && strings.Contains(name, ".attentions."):
		return attention.Replace(name)
	case part != ldm.TextEncoder && part != ldm.TextEncoder2:
	case !strings.HasPrefix(name, prefix) && !strings.HasPrefix(name, projection):
		return prefix + name
	}
	return name
}

// renamed is a checkpoint whose tensors have other names.
type renamed struct {
	checkpoint.Source
	from map[string]string // by the new name
}

// Names are sorted.
func (r *renamed) Names() []string { return slices.Sorted(maps.Keys(r.from)) }

func (r *renamed) Tensor(name string) (shape []int, dtype string, ok bool) {
	from, ok := r.from[name]
	if !ok {
		return nil, "", false
	}
	return r.Source.Tensor(from)
}

func (r *renamed) Float32s(name string, from int, dst []float32) error {
	old, ok := r.from[name]
	if !ok {
		return fmt.Errorf("no tensor %.200q", name)
	}
	return r.Source.Float32s(old, from, dst)
}

func (r *renamed) Release(name string) { r.Source.Release(r.from[name]) }
