package clip

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/golden/gradient"
	"sdgo/internal/nn"
	"sdgo/safetensors"
)

// stripes are an image for an encoder.
func stripes(e *ImageEncoder) *tensor.Dense {
	x := nn.Tensor(1, 3, e.Config.ImageSize, e.Config.ImageSize)
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(i%17)/8 - 1
	}
	return x
}

// visionFS is the folder of the small image encoder, with a text of its config replaced.
func visionFS(t testing.TB, old, new string) fstest.MapFS {
	fsys := make(fstest.MapFS)
	for name, file := range golden.Model(t, "tiny-vision").(fstest.MapFS) {
		fsys[name] = &fstest.MapFile{Data: bytes.ReplaceAll(file.Data, []byte(old), []byte(new))}
		if name != "config.json" {
			fsys[name] = file
		}
	}
	return fsys
}

func loadVision(t testing.TB, fsys fs.FS, name string) *ImageEncoder {
	e, err := LoadImageEncoderFS(fsys, name, nil)
	require.NoError(t, err)
	t.Cleanup(func() { e.Close() })
	return e
}

func TestImageEncoderGoldens(t *testing.T) {
	c := golden.Open(t, "vision/encoder")
	pixels := engine.Tensor(c.Float32s("pixels"), c.Shape("pixels")...)
	for _, act := range []string{"quick_gelu", "gelu"} {
		e := loadVision(t, visionFS(t, "quick_gelu", act), ".")
		assert.Empty(t, e.Config.Warnings)
		assert.True(t, e.Projects())
		for skip := range e.Config.NumHiddenLayers {
			out, err := e.Encode(t.Context(), pixels, skip)
			require.NoError(t, err)
			golden.Close(t, c.Float32s(act+".image_embeds"), out.Pooled.Float32s(), tolerance, "embeds")
			name := fmt.Sprintf("%s.hidden_states.%d", act, e.Config.NumHiddenLayers-skip)
			assert.Equal(t, c.Shape(name), []int(out.Tokens.Shape()))
			golden.Close(t, c.Float32s(name), out.Tokens.Float32s(), tolerance, name)
		}
	}
}

// An image's embedding does not depend on the images beside it, nor on the threads.
func TestImageEncoderBatch(t *testing.T) {
	c := golden.Open(t, "vision/encoder")
	all := engine.Tensor(c.Float32s("pixels"), c.Shape("pixels")...)
	e := loadVision(t, golden.Model(t, "tiny-vision"), ".")
	both, err := e.Encode(t.Context(), all, 1)
	require.NoError(t, err)
	single, err := LoadImageEncoderFS(golden.Model(t, "tiny-vision"), ".", &LoadOptions{Threads: 1})
	require.NoError(t, err)
	defer single.Close()
	size := all.DataSize() / 2
	for i := range 2 {
		one, err := single.Encode(t.Context(), engine.Tensor(all.Float32s()[i*size:(i+1)*size], 1, 3, 30, 30), 1)
		require.NoError(t, err)
		assert.Equal(t, both.Tokens.Float32s()[i*one.Tokens.DataSize():][:one.Tokens.DataSize()], one.Tokens.Float32s())
		assert.Equal(t, both.Pooled.Float32s()[i*one.Pooled.DataSize():][:one.Pooled.DataSize()], one.Pooled.Float32s())
	}
}

// The derivatives by pixels and all weights are the reference's.
func TestImageEncoderGradients(t *testing.T) {
	e := loadVision(t, golden.Model(t, "tiny-vision"), ".")
	g := gradient.New(t, golden.Open(t, "vision/grad_encoder"))
	pixels := g.Input("pixels")
	tokens, pooled, err := e.Build(g.ExprGraph, pixels, 1)
	require.NoError(t, err)
	g.Lose(tokens, "tokens_target")
	g.Lose(pooled, "pooled_target")
	nodes := e.WeightNodes(g.ExprGraph)
	nodes["pixels"] = pixels
	g.By(nodes)
	assert.Equal(t, len(nodes), g.Compare("loss", false))
}

// openNamed are the tensors of the small encoder in the names of OpenCLIP.
func openNamed(t *testing.T, prefix string) []byte {
	file, err := safetensors.OpenFS(golden.Model(t, "tiny-vision"), "model.safetensors")
	require.NoError(t, err)
	defer file.Close()
	names := strings.NewReplacer("vision_model.", prefix, "embeddings.class_embedding", "class_embedding", "embeddings.position_embedding.weight", "positional_embedding",
		"embeddings.patch_embedding", "conv1", "pre_layrnorm", "ln_pre", "post_layernorm", "ln_post", "encoder.layers", "transformer.resblocks", "layer_norm1", "ln_1",
		"layer_norm2", "ln_2", "mlp.fc1", "mlp.c_fc", "mlp.fc2", "mlp.c_proj", "self_attn.out_proj", "attn.out_proj")
	var tensors []safetensors.Tensor
	joined := make(map[string][]float32)
	add := func(name string, shape []int, x []float32) {
		tensor, err := safetensors.NewFloat32(name, shape, x)
		require.NoError(t, err)
		tensors = append(tensors, tensor)
	}
	for _, name := range file.Names() {
		x, _ := file.Tensor(name)
		data := make([]float32, x.Len())
		require.NoError(t, x.Float32sInto(data))
		switch {
		case name == "visual_projection.weight":
			turned := make([]float32, len(data))
			for i := range data {
				turned[i%x.Shape[1]*x.Shape[0]+i/x.Shape[1]] = data[i]
			}
			add(prefix+"proj", []int{x.Shape[1], x.Shape[0]}, turned)
		case strings.Contains(name, "self_attn") && !strings.Contains(name, "out_proj"):
			joined[name] = data
		default:
			add(names.Replace(name), x.Shape, data)
		}
	}
	for i := range 3 {
		at := fmt.Sprintf("vision_model.encoder.layers.%d.self_attn.", i)
		for _, kind := range []string{"weight", "bias"} {
			var all []float32
			for _, letter := range []string{"q", "k", "v"} {
				all = append(all, joined[at+letter+"_proj."+kind]...)
			}
			shape := []int{72, 24}
			if kind == "bias" {
				shape = shape[:1]
			}
			add(fmt.Sprintf("%stransformer.resblocks.%d.attn.in_proj_%s", prefix, i, kind), shape, all)
		}
	}
	var b bytes.Buffer
	require.NoError(t, safetensors.Write(&b, tensors, nil))
	return b.Bytes()
}

// Files without a configuration, in the names of transformers, OpenCLIP and unCLIP, and
// those of models around the image encoder give what its folder gives.
func TestImageEncoderFiles(t *testing.T) {
	model := golden.Model(t, "tiny-vision").(fstest.MapFS)
	c := golden.Open(t, "vision/encoder")
	pixels := engine.Tensor(c.Float32s("pixels"), c.Shape("pixels")...)
	whole := `{"model_type": "clip", "architectures": ["CLIPModel"], "projection_dim": 32, "text_config": {}, "vision_config":
		{"model_type": "clip_vision_model", "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 3, "image_size": 30, "patch_size": 7}}`
	fsys := fstest.MapFS{
		"clip_vision.safetensors":  model["model.safetensors"],
		"open_clip.safetensors":    {Data: openNamed(t, "visual.")},
		"unclip.safetensors":       {Data: openNamed(t, "embedder.model.visual.")},
		"alone.safetensors":        {Data: openNamed(t, "")},
		"beside/config.json":       model["config.json"],
		"beside/model.safetensors": model["model.safetensors"],
		"whole/config.json":        {Data: []byte(whole)},
		"whole/model.safetensors":  model["model.safetensors"],
	}
	for _, name := range []string{"clip_vision.safetensors", "open_clip.safetensors", "unclip.safetensors", "alone.safetensors", "beside", "beside/model.safetensors", "whole"} {
		e, err := LoadImageEncoderFS(fsys, name, nil)
		require.NoError(t, err, name)
		if strings.Contains(name, "clip") || name == "alone.safetensors" {
			assert.Contains(t, e.Config.Warnings, "the image encoder is narrower than published ones: num_attention_heads and hidden_act, which no tensor tells, were guessed", name)
			assert.Equal(t, 28, e.Config.ImageSize, "the border is not seen")
			e.Close()
			continue
		}
		assert.Empty(t, e.Config.Warnings, name)
		out, err := e.Encode(t.Context(), pixels, 0)
		require.NoError(t, err)
		golden.Close(t, c.Float32s("quick_gelu.image_embeds"), out.Pooled.Float32s(), tolerance, name)
		require.NoError(t, e.Close())
	}

	// A guess is as good as a configuration that says the same.
	var first []float32
	for _, name := range []string{"clip_vision.safetensors", "open_clip.safetensors", "unclip.safetensors", "alone.safetensors"} {
		e := loadVision(t, fsys, name)
		out, err := e.Encode(t.Context(), stripes(e), 0)
		require.NoError(t, err)
		if first == nil {
			first = out.Pooled.Float32s()
		}
		assert.Equal(t, first, out.Pooled.Float32s(), name)
	}
	e := loadVision(t, visionFS(t, `"image_size": 30`, `"image_size": 28`), ".")
	out, err := e.Encode(t.Context(), stripes(e), 0)
	require.NoError(t, err)
	assert.Equal(t, first, out.Pooled.Float32s())
}

func TestImageEncoderErrors(t *testing.T) {
	e := loadVision(t, golden.Model(t, "tiny-vision"), ".")
	for _, tt := range []struct {
		shape []int
		skip  int
		want  string
	}{
		{[]int{1, 3, 30, 29}, 0, "clip: pixels: have shape [1 3 30 29], want [-1 3 30 30]"},
		{[]int{3, 30, 30}, 0, "clip: pixels: have shape [3 30 30]"},
		{[]int{1, 3, 30, 30}, 3, "clip: skip: have 3 layers, want 0 to 2 for a model of 3"},
		{[]int{1, 3, 30, 30}, -1, "clip: skip: have -1 layers"},
	} {
		_, err := e.Encode(t.Context(), nn.Tensor(tt.shape...), tt.skip)
		assert.ErrorContains(t, err, tt.want)
	}
	_, err := (&ImageEncoder{}).Encode(t.Context(), nil, 0)
	assert.EqualError(t, err, "clip: have an image encoder that was not loaded, want one from LoadImageEncoder")
	require.NoError(t, e.Close())
	_, err = e.Encode(t.Context(), stripes(e), 0)
	assert.ErrorContains(t, err, "closed")

	for _, tt := range []struct{ old, new, want string }{
		{`"image_size": 30`, `"image_size": 23`, "vision_model.embeddings.position_embedding.weight: have shape [17 24], want [1 240]"},
		{`"patch_size": 7`, `"patch_size": 31`, "clip: config: patch_size: have 31, want 1 to image_size (30)"},
		{`"hidden_act": "quick_gelu"`, `"hidden_act": "relu"`, "hidden_act: have relu, want quick_gelu or gelu"},
		{`"num_channels": 3`, `"num_channels": 4`, "num_channels: have 4, want 3"},
		{`"num_attention_heads": 3`, `"num_attention_heads": 5`, "num_attention_heads: have 5, want a divisor of hidden_size (24)"},
		{`"model_type": "clip_vision_model"`, `"model_type": "siglip_vision_model"`, "model_type: have siglip_vision_model, want clip_vision_model"},
		{`"model_type": "clip_vision_model"`, `"model_type": "clip"`, "vision_config: have"},
	} {
		_, err := LoadImageEncoderFS(visionFS(t, tt.old, tt.new), ".", nil)
		assert.ErrorContains(t, err, tt.want)
	}
	text, err := fs.ReadFile(golden.Model(t, "tiny-sd15"), "text_encoder/model.safetensors")
	require.NoError(t, err)
	_, err = LoadImageEncoderFS(fstest.MapFS{"text.safetensors": {Data: text}}, "text.safetensors", nil)
	assert.ErrorContains(t, err, "want an image encoder of CLIP")
}
