package ldm

import (
	"errors"
	"fmt"
	"strings"
)

// encoder is where and what a text encoder is.
type encoder struct {
	prefix  string
	open    bool // in the names of OpenCLIP
	drop    int  // layers at the end that are left out
	project bool // with the projection of the embedding of a whole text
}

// encoders are the text encoders of a family. Stable Diffusion 2 reads the last layer
// but one, and diffusers leaves the last one out for it.
func (f *file) encoders(family Family) map[string]encoder {
	switch family {
	case SD1:
		return map[string]encoder{TextEncoder: {prefix: clipPrefix}}
	case SD2:
		return map[string]encoder{TextEncoder: {prefix: openPrefix, open: true, drop: 1}}
	case SDXL:
		return map[string]encoder{TextEncoder: {prefix: firstSGM}, TextEncoder2: {prefix: secondSGM, open: true, project: true}}
	}
	return map[string]encoder{TextEncoder2: {prefix: refinerSGM, open: true, project: true}}
}

// textEncoder is one of the text encoders.
func (f *file) textEncoder(e encoder) (p *Part, err error) {
	if e.open {
		p = f.openCLIP(e)
	} else {
		p = f.clip(e)
	}
	width, layers := p.config["hidden_size"].(int), p.config["num_hidden_layers"].(int)
	if width == 0 || layers < 1 {
		return nil, errors.New("have no embeddings of tokens, or no layers")
	}
	p.config["model_type"] = "clip_text_model"
	p.guess("num_attention_heads", width/headWidth(width), headWidth(width) == perHead)
	p.config["eos_token_id"] = 2 // as the published ones have it: the largest in the text
	p.config["architectures"] = []string{"CLIPTextModel"}
	if e.project {
		p.config["architectures"] = []string{"CLIPTextModelWithProjection"}
	}
	return p, nil
}

const textModel = "text_model."

// clip is a text encoder in the names of transformers. The oldest files have them
// without text_model.
func (f *file) clip(e encoder) *Part {
	p := newPart(f)
	for _, name := range f.names {
		rest, ok := strings.CutPrefix(name, e.prefix)
		switch {
		case !ok || ignored(name):
		case strings.HasPrefix(rest, textModel):
			p.add(f, rest, name)
		case strings.HasPrefix(rest, "embeddings."), strings.HasPrefix(rest, "encoder."), strings.HasPrefix(rest, "final_layer_norm."):
			p.add(f, textModel+rest, name)
		}
	}
	dim := func(name string, axis int) int { return p.dim(textModel+name, axis) }
	layers := 0
	for dim(fmt.Sprintf("encoder.layers.%d.mlp.fc1.weight", layers), 0) > 0 {
		layers++
	}
	p.config = map[string]any{
		"vocab_size":              dim("embeddings.token_embedding.weight", 0),
		"hidden_size":             dim("embeddings.token_embedding.weight", 1),
		"max_position_embeddings": dim("embeddings.position_embedding.weight", 0),
		"intermediate_size":       dim("encoder.layers.0.mlp.fc1.weight", 0),
		"num_hidden_layers":       layers,
		"hidden_act":              "quick_gelu",
	}
	return p
}

// dim is one of a tensor's dimensions, or 0 if there is none.
func (p *Part) dim(name string, axis int) int {
	shape := p.pieces[name].shape
	if axis >= len(shape) {
		return 0
	}
	return shape[axis]
}

// openNames are the layers of a block of OpenCLIP.
var openNames = []struct{ from, to string }{
	{"ln_1.", "layer_norm1."}, {"ln_2.", "layer_norm2."}, {"mlp.c_fc.", "mlp.fc1."},
	{"mlp.c_proj.", "mlp.fc2."}, {"attn.out_proj.", "self_attn.out_proj."},
}

// openCLIP is a text encoder in the names of OpenCLIP (Ilharco et al. 2021), whose
// queries, keys and values have one matrix [3D D].
//
// https://github.com/mlfoundations/open_clip
func (f *file) openCLIP(e encoder) *Part {
	p := newPart(f)
	one := func(from, to string) {
		if f.has(e.prefix + from) {
			p.add(f, textModel+to, e.prefix+from)
		}
	}
	one("token_embedding.weight", "embeddings.token_embedding.weight")
	one("positional_embedding", "embeddings.position_embedding.weight")
	for _, kind := range []string{"weight", "bias"} {
		one("ln_final."+kind, "final_layer_norm."+kind)
	}
	projection := e.prefix + "text_projection"
	switch {
	case !e.project:
		f.used[projection] = true
	case f.has(projection):
		p.addTransposed(f, "text_projection.weight", projection)
	case f.has(projection + ".weight"):
		p.add(f, "text_projection.weight", projection+".weight")
	}
	all := f.count(e.prefix + "transformer.resblocks.%d.mlp.c_fc.weight")
	layers := max(all-e.drop, 0)
	for _, name := range f.names {
		if rest, ok := strings.CutPrefix(name, e.prefix+"transformer.resblocks."); ok {
			f.addResblock(p, name, rest, layers)
		}
	}
	p.config = map[string]any{
		"vocab_size":              f.need(e.prefix+"token_embedding.weight", 0),
		"hidden_size":             f.need(e.prefix+"token_embedding.weight", 1),
		"max_position_embeddings": f.need(e.prefix+"positional_embedding", 0),
		"intermediate_size":       f.need(e.prefix+"transformer.resblocks.0.mlp.c_fc.weight", 0),
		"num_hidden_layers":       layers,
		"hidden_act":              "gelu",
		"projection_dim":          p.dim("text_projection.weight", 0),
	}
	return p
}

// addResblock adds a tensor of a layer, unless it is one that is left out.
func (f *file) addResblock(p *Part, name, rest string, layers int) {
	digits, rest, _ := strings.Cut(rest, ".")
	layer, ok := number(digits)
	if !ok {
		return
	}
	if layer >= layers {
		f.used[name] = true
		return
	}
	to := fmt.Sprintf("%sencoder.layers.%d.", textModel, layer)
	if kind, ok := strings.CutPrefix(rest, "attn.in_proj_"); ok {
		p.addThirds(f, [3]string{to + "self_attn.q_proj." + kind, to + "self_attn.k_proj." + kind, to + "self_attn.v_proj." + kind}, name)
		return
	}
	for _, n := range openNames {
		if after, ok := strings.CutPrefix(rest, n.from); ok {
			p.add(f, to+n.to+after, name)
		}
	}
}
