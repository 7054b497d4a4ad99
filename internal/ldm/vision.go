package ldm

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"sdgo/internal/quote"
)

// visionModel is the prefix of the vision half of CLIP in the names of transformers.
const visionModel = "vision_model."

// Where files have a vision model, in the names of transformers and of OpenCLIP, which are
// those of OpenAI's code. The last is that of the original code of unCLIP.
var (
	visionPrefixes     = []string{visionModel, "image_encoder." + visionModel, "clip_vision." + visionModel, visionModel + visionModel, ""}
	openVisionPrefixes = []string{"visual.", "", "model.visual.", "embedder.model.visual."}
)

const (
	classSign     = "embeddings.class_embedding"
	openClassSign = "class_embedding"
	openProj      = "proj"
)

// OpenVision finds the vision half of CLIP in a file, and tells its structure by names and
// shapes. The rest of the file is left alone.
func OpenVision(tensors Tensors) (*Part, error) {
	f := newFile(tensors)
	in := func(prefixes []string, sign string) int {
		return slices.IndexFunc(prefixes, func(prefix string) bool { return f.has(prefix + sign) })
	}
	var p *Part
	if i := in(visionPrefixes, classSign); i >= 0 {
		p = f.vision(visionPrefixes[i])
	} else if i := in(openVisionPrefixes, openClassSign); i >= 0 {
		p = f.openVision(openVisionPrefixes[i])
	} else if what := f.other(); what != "" {
		return nil, fmt.Errorf("ldm: this is %s: want an image encoder of CLIP", what)
	} else if len(f.names) > 0 {
		return nil, fmt.Errorf("ldm: have %d tensors, such as %s: want an image encoder of CLIP", len(f.names), quote.Lines(f.names[:1], ""))
	} else {
		return nil, fmt.Errorf("ldm: have no tensors: want an image encoder of CLIP")
	}
	return p, p.visionConfig()
}

// vision is an image encoder in the names of transformers.
func (f *file) vision(prefix string) *Part {
	p := newPart(f)
	root := strings.TrimSuffix(prefix, visionModel)
	for _, name := range f.names {
		rest, ok := strings.CutPrefix(name, prefix)
		switch {
		case name == root+visualProjection:
			p.add(f, visualProjection, name)
		case !ok || strings.HasSuffix(rest, "position_ids"):
		case prefix != "", strings.HasPrefix(rest, "embeddings."), strings.HasPrefix(rest, "encoder."), strings.HasPrefix(rest, "pre_layrnorm."), strings.HasPrefix(rest, "post_layernorm."):
			p.add(f, visionModel+rest, name)
		}
	}
	return p
}

const visualProjection = "visual_projection.weight"

// openVision is an image encoder in the names of OpenCLIP.
func (f *file) openVision(prefix string) *Part {
	p := newPart(f)
	one := func(from, to string) {
		if f.has(prefix + from) {
			p.add(f, visionModel+to, prefix+from)
		}
	}
	one(openClassSign, classSign)
	one("positional_embedding", "embeddings.position_embedding.weight")
	one("conv1.weight", "embeddings.patch_embedding.weight")
	for _, kind := range []string{"weight", "bias"} {
		one("ln_pre."+kind, "pre_layrnorm."+kind)
		one("ln_post."+kind, "post_layernorm."+kind)
	}
	if f.has(prefix + openProj) {
		p.addTransposed(f, visualProjection, prefix+openProj)
	}
	const blocks = "transformer.resblocks."
	for _, name := range f.names {
		if rest, ok := strings.CutPrefix(name, prefix+blocks); ok {
			f.addResblock(p, visionModel, name, rest, math.MaxInt)
		}
	}
	return p
}

// visionHeads are the heads of attention of published models, by their width: ViT-B and L,
// which are OpenAI's mostly, and H and bigG, which OpenCLIP trained.
var visionHeads = map[int]struct {
	heads int
	act   string
}{768: {12, "quick_gelu"}, 1024: {16, "quick_gelu"}, 1280: {16, "gelu"}, 1664: {16, "gelu"}}

// visionConfig tells the structure of an image encoder.
func (p *Part) visionConfig() error {
	dim := func(name string, axis int) int { return p.dim(visionModel+name, axis) }
	width, patch := dim("embeddings.patch_embedding.weight", 0), dim("embeddings.patch_embedding.weight", 2)
	side := int(math.Round(math.Sqrt(float64(dim("embeddings.position_embedding.weight", 0) - 1))))
	layers := 0
	for dim(fmt.Sprintf("encoder.layers.%d.mlp.fc1.weight", layers), 0) > 0 {
		layers++
	}
	if width == 0 || patch == 0 || side < 1 || layers == 0 {
		return fmt.Errorf("ldm: the image encoder has no patches, positions or layers of the kind that they should be")
	}
	p.config = map[string]any{
		"model_type": "clip_vision_model", "architectures": []string{"CLIPVisionModel"},
		"hidden_size": width, "patch_size": patch, "image_size": side * patch, "num_hidden_layers": layers,
		"intermediate_size": dim("encoder.layers.0.mlp.fc1.weight", 0),
	}
	if out := p.dim(visualProjection, 0); out > 0 {
		p.config["architectures"], p.config["projection_dim"] = []string{"CLIPVisionModelWithProjection"}, out
	}
	known, published := visionHeads[width]
	if !published {
		known.heads, known.act = width/headWidth(width), "quick_gelu"
	}
	p.guess("num_attention_heads", known.heads, published)
	p.guess("hidden_act", known.act, published)
	return nil
}
