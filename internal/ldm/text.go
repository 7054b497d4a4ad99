package ldm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// encoder is where and what a text encoder is.
type encoder struct {
	prefix  string
	open    bool // in the names of OpenCLIP
	drop    int  // layers at the end that are left out
	project bool // with the projection of the embedding of a whole text
	gelu    bool // as OpenCLIP's models have it, not its approximation by a sigmoid
}

// encoders are the text encoders of a family. Stable Diffusion 2 reads the last layer
// but one, and diffusers leaves the last one out for it.
func encoders(family Family) map[string]encoder {
	switch family {
	case SD1:
		return map[string]encoder{TextEncoder: {prefix: clipPrefix}}
	case SD2:
		return map[string]encoder{TextEncoder: {prefix: openPrefix, open: true, drop: 1, gelu: true}}
	case SDXL:
		return map[string]encoder{TextEncoder: {prefix: firstSGM}, TextEncoder2: {prefix: secondSGM, open: true, project: true, gelu: true}}
	}
	return map[string]encoder{TextEncoder2: {prefix: refinerSGM, open: true, project: true, gelu: true}}
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
	if p.config["hidden_act"] = "quick_gelu"; e.gelu {
		p.config["hidden_act"] = "gelu"
	}
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
		case rest == textModel+projection: // as stable-diffusion.cpp has OpenCLIP's
			f.addProjection(p, e, rest)
		case strings.Contains(rest, ".self_attn.in_proj."): // likewise
			f.addInProj(p, name, rest)
		case strings.HasPrefix(rest, textModel):
			p.add(f, rest, name)
		case strings.HasPrefix(rest, projection):
			f.addProjection(p, e, rest)
		case strings.HasPrefix(rest, "embeddings."), strings.HasPrefix(rest, "encoder."), strings.HasPrefix(rest, "final_layer_norm."):
			p.add(f, textModel+rest, name)
		}
	}
	dim := func(name string, axis int) int { return p.dim(textModel+name, axis) }
	layers := 0 // of ViT-H, or a whole one, Stable Diffusion 2 reads all but the last
	for dim(fmt.Sprintf("encoder.layers.%d.mlp.fc1.weight", layers), 0) > 0 {
		layers++
	}
	if e.drop > 0 && (layers == layersH || f.has(e.prefix+textModel+projection)) {
		layers -= e.drop
		p.dropFrom(f, layers)
	}
	p.config = map[string]any{
		"vocab_size":              dim("embeddings.token_embedding.weight", 0),
		"hidden_size":             dim("embeddings.token_embedding.weight", 1),
		"max_position_embeddings": dim("embeddings.position_embedding.weight", 0),
		"intermediate_size":       dim("encoder.layers.0.mlp.fc1.weight", 0),
		"num_hidden_layers":       layers,
		"projection_dim":          p.dim("text_projection.weight", 0),
	}
	return p
}

// projection is the name of the matrix that projects the embedding of a whole text, or
// what it begins with.
const projection = "text_projection"

// addProjection adds the projection, which OpenCLIP has as [in out], if the model reads it.
func (f *file) addProjection(p *Part, e encoder, rest string) {
	switch {
	case !e.project:
		f.leave(e.prefix+rest, "no projection of the whole text is read")
	case rest == projection, rest == textModel+projection:
		p.addTransposed(f, projection+".weight", e.prefix+rest)
	case rest == projection+".weight":
		p.add(f, rest, e.prefix+rest)
	}
}

// addInProj adds the one matrix of queries, keys and values of a layer, or its bias, which
// the conversion of stable-diffusion.cpp leaves as OpenCLIP has it in names of transformers.
//
// https://github.com/leejet/stable-diffusion.cpp/blob/master/src/name_conversion.cpp
func (f *file) addInProj(p *Part, name, rest string) {
	layer, kind, _ := strings.Cut(rest, "in_proj.")
	p.addThirds(f, [3]string{layer + "q_proj." + kind, layer + "k_proj." + kind, layer + "v_proj." + kind}, name)
}

// dropFrom takes the layers from a number on out of a text encoder.
func (p *Part) dropFrom(f *file, layer int) {
	prefix := fmt.Sprintf("%sencoder.layers.%d.", textModel, layer)
	p.names = slices.DeleteFunc(p.names, func(name string) bool {
		if !strings.HasPrefix(name, prefix) {
			return false
		}
		f.leave(p.pieces[name].name, lastLayer)
		delete(p.pieces, name)
		return true
	})
}

// lastLayer is why the last layer of a text encoder is left out.
const lastLayer = "of Stable Diffusion 2 the last layer is not read"

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
	for _, rest := range []string{projection, projection + ".weight"} {
		if f.has(e.prefix + rest) {
			f.addProjection(p, e, rest)
		}
	}
	layers := max(f.layers(e), 0)
	for _, name := range f.names {
		if rest, ok := strings.CutPrefix(name, e.prefix+"transformer.resblocks."); ok {
			f.addResblock(p, textModel, name, rest, layers)
		}
	}
	p.config = map[string]any{
		"vocab_size":              f.need(e.prefix+"token_embedding.weight", 0),
		"hidden_size":             f.need(e.prefix+"token_embedding.weight", 1),
		"max_position_embeddings": f.need(e.prefix+"positional_embedding", 0),
		"intermediate_size":       f.need(e.prefix+"transformer.resblocks.0.mlp.c_fc.weight", 0),
		"num_hidden_layers":       layers,
		"projection_dim":          p.dim("text_projection.weight", 0),
	}
	return p
}

// layersH is how many layers there are in the encoder of Stable Diffusion 2, ViT-H/14.
const layersH = 24

// layers is how many layers of an encoder in the names of OpenCLIP are read. A file that
// diffusers' script has made of a folder has no more than these, and no projection.
func (f *file) layers(e encoder) int {
	all := f.count(e.prefix + "transformer.resblocks.%d.mlp.c_fc.weight")
	if !f.has(e.prefix+"text_projection") && !f.has(e.prefix+"text_projection.weight") && all != layersH {
		return all
	}
	return all - e.drop
}

// addResblock adds a tensor of a layer to a model, unless it is one that is left out.
func (f *file) addResblock(p *Part, model, name, rest string, layers int) {
	digits, rest, _ := strings.Cut(rest, ".")
	layer, ok := number(digits)
	if !ok {
		return
	}
	if layer >= layers {
		f.leave(name, lastLayer)
		return
	}
	to := fmt.Sprintf("%sencoder.layers.%d.", model, layer)
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
