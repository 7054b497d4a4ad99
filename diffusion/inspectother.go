package diffusion

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sdgo/clip"
	"sdgo/internal/adapter"
	"sdgo/internal/inversion"
	"sdgo/internal/ldm"
	"sdgo/internal/loader"
)

const unsupported = ": it is not supported"

// readRefused reports on the tensors of a file that is no model. M is what was found of
// one, or nil.
func (r *Report) readRefused(file *loader.Folder, m *ldm.Model, err error) {
	r.problem(err)
	if m != nil {
		r.Identity = Identity{}.with(m.Family, nil, 0)
		r.list(file, m.Fates())
		for i := range r.Tensors {
			if r.Tensors[i].Fate == Used {
				r.Tensors[i].Fate = Refused
			}
		}
		return
	}
	r.readOther(file, err)
}

// readOther reports on a file of another kind than a model's: which of its tensors its own
// loader takes, if there is one.
func (r *Report) readOther(file *loader.Folder, err error) {
	for _, name := range file.Names() {
		shape, dtype, _ := file.Tensor(name)
		r.Tensors = append(r.Tensors, TensorReport{Name: name, Shape: shape, DType: dtype, Bytes: sizeOf(dtype, shape), Fate: Refused})
	}
	var other *ldm.Unsupported
	if errors.As(err, &other) {
		r.Family, r.Name = other.ID, other.What
		return
	}
	kind, ok := ldm.OtherKind(file)
	r.Family, r.Name = kind.ID, kind.What
	switch kind.ID {
	case "lora", "loha", "lokr", "oft", "":
		if about := adapter.Describe(file); about != nil {
			r.tellAdapter(about, file.Names())
			return
		}
	case "textual-inversion":
		r.tellInversion(file)
	case "controlnet", "t2i-adapter":
		r.tellControl(file)
	case "ip-adapter":
		r.tellIPAdapter(file)
	case "vision", "safety-checker":
		r.tellVision(file)
	}
	if !ok { // a file of GGUF may say it
		r.Family = file.Metadata()["general.architecture"]
	}
}

// tellAdapter tells an adapter by its kinds, its ranks and what it is for.
func (r *Report) tellAdapter(about *adapter.About, names []string) {
	made, foreign := madeForText(about.Text), ""
	if made == "" {
		foreign = transformerOf(names)
	}
	made = cmp.Or(made, foreign)
	r.Adapter = &AdapterReport{Kinds: about.Kinds, Ranks: about.Ranks, For: made}
	kinds := slices.SortedFunc(maps.Keys(about.Kinds), func(a, b string) int {
		return cmp.Or(about.Kinds[b]-about.Kinds[a], strings.Compare(a, b))
	})
	r.Family = cmp.Or(r.Family, "adapter")
	article := "a "
	if strings.HasPrefix(kinds[0], "OFT") || strings.HasPrefix(kinds[0], "IA³") {
		article = "an "
	}
	r.Name = article + strings.Join(kinds, ", ") + ofRanks(about.Ranks)
	switch {
	case made != "":
		r.Name += " for " + made
	case about.Text > 0:
		r.Name += forText(about.Text)
	case about.Encoder > 0:
		r.Name += fmt.Sprintf(" for a text encoder of %d numbers%s", about.Encoder, madeFor(about.Encoder))
	}
	if foreign != "" || len(about.Tensors) == 0 {
		r.Name += unsupported
		return
	}
	r.Use = "Pipeline.LoadAdapter, -lora FILE:WEIGHT"
	r.mark(about.Tensors, Used)
	for i := range r.Tensors {
		if r.Tensors[i].Fate == Refused && !slices.Contains(about.Refused, r.Tensors[i].Name) {
			r.Tensors[i].Fate = Unused
		}
	}
}

// ofRanks writes ranks: one, or the lowest and the highest.
func ofRanks(ranks []int) string {
	switch len(ranks) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(" of rank %d", ranks[0])
	}
	return fmt.Sprintf(" of ranks %d to %d", ranks[0], ranks[len(ranks)-1])
}

// tellInversion tells a textual inversion by its vectors.
func (r *Report) tellInversion(file *loader.Folder) {
	parts, err := inversion.Tensors(file)
	if err != nil {
		r.problem(err)
		return
	}
	var words []string
	for _, part := range []string{inversion.Any, inversion.First, inversion.Second} {
		name, ok := parts[part]
		if !ok {
			continue
		}
		shape, _, _ := file.Tensor(name)
		if n := len(shape); n < 1 || n > 2 {
			r.problem(fmt.Errorf("%.200s: have a tensor of shape %v, want [n D] or [D]", name, shape))
			return
		}
		n, width := 1, shape[len(shape)-1]
		if len(shape) == 2 {
			n = shape[0]
		}
		what := vectorsOf(part)
		if n == 1 {
			what = strings.Replace(what, "vectors", "vector", 1)
		}
		words = append(words, fmt.Sprintf("%d %s of %d numbers%s", n, what, width, madeFor(width)))
		r.mark([]string{name}, Used)
	}
	for i := range r.Tensors {
		t := &r.Tensors[i]
		switch {
		case t.Fate != Refused:
		case strings.HasPrefix(t.Name, "string_to_token."):
			t.Fate, t.Why = Ignored, "the token that a word was in training"
		default:
			t.Fate = Unused
		}
	}
	r.Name, r.Use = "a textual inversion, "+strings.Join(words, " and "), "Pipeline.LoadEmbedding, -embedding FILE:WORD"
}

// mark gives tensors a fate.
func (r *Report) mark(names []string, fate Fate) {
	marked := make(map[string]bool, len(names))
	for _, name := range names {
		marked[name] = true
	}
	for i := range r.Tensors {
		if marked[r.Tensors[i].Name] {
			r.Tensors[i].Fate = fate
		}
	}
}

// madeForText says which models' U-Nets read text of so many numbers a token, or is "".
func madeForText(width int) string {
	switch width {
	case 768:
		return string(ldm.SD1)
	case 1024:
		return string(ldm.SD2)
	case 1280:
		return string(ldm.SDXLRefiner)
	case 2048:
		return string(ldm.SDXL)
	}
	return ""
}

// forText says what a file is for that changes a U-Net or steers one.
func forText(width int) string {
	switch made := madeForText(width); {
	case made != "":
		return " for " + made
	case width > 0:
		return fmt.Sprintf(" for text of %d numbers a token, which no published model has", width)
	}
	return ""
}

// textWidth is how many numbers a token has that the cross-attention of a network reads,
// or 0.
func textWidth(file *loader.Folder) int {
	for _, name := range file.Names() {
		if shape, _, _ := file.Tensor(name); strings.HasSuffix(name, "attn2.to_k.weight") && len(shape) == 2 {
			return shape[1]
		}
	}
	return 0
}

// transformerOf says which diffusion transformer an adapter is for, or is "".
func transformerOf(names []string) string {
	for _, t := range []struct{ word, name string }{
		{"joint_blocks", "Stable Diffusion 3"}, {"double_blocks", "Flux"}, {"single_transformer_blocks", "Flux"}, {"transformer.transformer_blocks", "a diffusion transformer"},
	} {
		if slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, t.word) }) {
			return t.name
		}
	}
	return ""
}

// usesOfParts are how to use parts of a model beside another one.
var usesOfParts = map[string]string{
	ldm.UNet: "LoadOptions.UNet, -unet PATH", ldm.VAE: "LoadOptions.VAE, -vae PATH",
	imageEncoderFolder: encoderUse,
	ldm.TextEncoder:    "LoadOptions.TextEncoder, -text-encoder PATH", ldm.TextEncoder2: "LoadOptions.TextEncoder2, -text-encoder-2 PATH",
}

// useParts says how to use parts of a model.
func (r *Report) useParts(parts ...string) {
	var uses []string
	for _, part := range parts {
		uses = append(uses, usesOfParts[part])
	}
	r.Use = strings.Join(uses, "; ")
}

// fits says what a text encoder that is alone is for, by its width.
func fits(encoder *clip.TextEncoder) string {
	if encoder == nil {
		return ""
	}
	return madeFor(encoder.Config.HiddenSize)
}
