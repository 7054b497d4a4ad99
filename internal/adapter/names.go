package adapter

import (
	"cmp"
	"slices"
	"strings"

	"sdgo/internal/ldm"
)

// Names of the parts that an adapter may change.
const (
	UNet         = ldm.UNet
	TextEncoder  = ldm.TextEncoder
	TextEncoder2 = ldm.TextEncoder2
)

// Targets are the modules of a model, by all the names that tools give them.
type Targets struct {
	parts  []string
	byName map[string]*Target
}

// Tensors tell the names and shapes of a part, as a checkpoint.Source does.
type Tensors interface {
	Names() []string
	Tensor(name string) (shape []int, dtype string, ok bool)
}

// NewTargets finds the modules of a model in the tensors of its parts.
func NewTargets(parts map[string]Tensors) *Targets {
	ts := &Targets{byName: make(map[string]*Target)}
	for _, part := range []string{UNet, TextEncoder, TextEncoder2} {
		if tensors := parts[part]; tensors != nil {
			ts.parts = append(ts.parts, part)
			ts.add(part, tensors)
		}
	}
	return ts
}

const (
	weightOf  = ".weight"
	biasOf    = ".bias"
	textModel = "text_model."
)

// add finds the modules of a part.
func (ts *Targets) add(part string, tensors Tensors) {
	var found []*Target
	var modules []string
	for _, key := range tensors.Names() {
		module, ok := strings.CutSuffix(key, weightOf)
		if !ok {
			continue
		}
		shape, _, _ := tensors.Tensor(key)
		if len(shape) == 0 || slices.Min(shape) < 1 {
			continue
		}
		t := &Target{Part: part, Module: module, Key: key, Weight: shape}
		if _, _, ok := tensors.Tensor(module + biasOf); ok {
			t.Bias = module + biasOf
		}
		found = append(found, t)
		modules = append(modules, module)
	}
	if part != UNet {
		for _, t := range found {
			ts.nameText(t)
		}
		return
	}
	original := ldm.Spelling(modules)
	for _, t := range found {
		ts.nameUNet(t, original[t.Module])
	}
}

// name gives a target a name, unless another has it.
func (ts *Targets) name(t *Target, name string) {
	if ts.byName[name] == nil {
		ts.byName[name] = t
	}
}

// flat gives a target a name in which underscores stand for dots.
func (ts *Targets) flat(t *Target, prefix, name string) {
	ts.name(t, prefix+strings.ReplaceAll(name, ".", "_"))
}

// nameUNet gives a module of the U-Net its names, of which original is that of the
// original code, or "".
func (ts *Targets) nameUNet(t *Target, original string) {
	spellings := []string{t.Module}
	if original != "" && original != t.Module {
		spellings = append(spellings, original)
	}
	for _, name := range spellings {
		for _, prefix := range []string{"lora_unet_", "lycoris_", "lycoris_unet_"} {
			ts.flat(t, prefix, name)
		}
		for _, prefix := range []string{"unet.", "", "unet.base_model.model.", "base_model.model.", "diffusion_model.", "model.diffusion_model.", "lora_unet.", "lycoris."} {
			ts.name(t, prefix+name)
		}
	}
	// The attention processors of diffusers had the layers of an adapter.
	if at := strings.LastIndex(t.Module, ".to_"); at >= 0 {
		old := t.Module[:at] + ".processor" + strings.TrimSuffix(t.Module[at:], ".0")
		ts.name(t, "unet."+old)
		ts.name(t, old)
	}
}

// textPrefixes stand before the names of the modules of a text encoder, in some tools with
// underscores for dots.
var textPrefixes = map[string]struct{ flat, dotted []string }{
	TextEncoder: {
		[]string{"lora_te1_", "lora_te_", "lycoris_te1_", "lycoris_te_"},
		[]string{"text_encoder.", "text_encoder.base_model.model.", "text_encoders.clip_l.transformer.", "clip_l.transformer.", "te1.", "lora_te1.", "lora_te."},
	},
	TextEncoder2: {
		[]string{"lora_te2_", "lycoris_te2_"},
		[]string{"text_encoder_2.", "text_encoder_2.base_model.model.", "text_encoders.clip_g.transformer.", "clip_g.transformer.", "te2.", "lora_te2."},
	},
}

// nameText gives a module of a text encoder its names. The names of one that is alone go
// without a number, whichever it is.
func (ts *Targets) nameText(t *Target) {
	p := textPrefixes[t.Part]
	flat, dotted := p.flat, p.dotted
	if !slices.Contains(ts.parts, TextEncoder) {
		flat = append(slices.Clone(flat), "lora_te_", "lycoris_te_")
	}
	dotted = append(slices.Clone(dotted), "", "base_model.model.")
	plain := strings.TrimPrefix(t.Module, textModel)
	spellings := []string{plain}
	if plain != "text_projection" {
		spellings = append(spellings, textModel+plain)
	}
	for _, name := range spellings {
		for _, prefix := range flat {
			ts.flat(t, prefix, name)
		}
		for _, prefix := range dotted {
			ts.name(t, prefix+name)
		}
	}
}

// outside says which part that the model does not have a name is for, or "".
func (ts *Targets) outside(name string) string {
	for _, part := range []string{TextEncoder, TextEncoder2} {
		if slices.Contains(ts.parts, part) {
			continue
		}
		p := textPrefixes[part]
		for _, prefix := range slices.Concat(p.flat, p.dotted) {
			if strings.HasPrefix(name, prefix) {
				return part
			}
		}
	}
	return ""
}

// order sorts targets: by parts, then by modules.
func (ts *Targets) order(a, b *Target) int {
	return cmp.Or(cmp.Compare(slices.Index(ts.parts, a.Part), slices.Index(ts.parts, b.Part)), cmp.Compare(a.Module, b.Module))
}
