package diffusion

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/clip"
	"sdgo/internal/golden"
	"sdgo/internal/ldm"
	"sdgo/internal/loader"
)

// fullFile opens a list of tensors without numbers.
func fullFile(t *testing.T, f *golden.FullSize) (path string, file *loader.Folder) {
	path = f.Write(t, "full")
	file, err := loader.OpenFile(t.Context(), os.DirFS(filepath.Dir(path)), filepath.Base(path))
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	return path, file
}

// publishedIP is an IP-Adapter as published ones are: for attentions of widths to texts of
// cross numbers, with a resampler of heads or a linear layer.
func publishedIP(cross, in int, widths []int, heads int) *golden.FullSize {
	f := golden.NewFullSize()
	layer := func(name string, shape ...int) {
		f.Add("image_proj."+name+".weight", shape...)
		f.Add("image_proj."+name+".bias", shape[0])
	}
	if heads == 0 {
		layer("proj", 4*cross, in)
		layer("norm", cross)
	} else {
		d := 64 * heads
		f.Add("image_proj.latents", 1, 16, d)
		layer("proj_in", d, in)
		layer("proj_out", cross, d)
		layer("norm_out", cross)
		for i := range 4 {
			at := fmt.Sprintf("layers.%d.", i)
			layer(at+"0.norm1", d)
			layer(at+"0.norm2", d)
			f.Add("image_proj."+at+"0.to_q.weight", d, d)
			f.Add("image_proj."+at+"0.to_kv.weight", 2*d, d)
			f.Add("image_proj."+at+"0.to_out.weight", d, d)
			layer(at+"1.0", d)
			f.Add("image_proj."+at+"1.1.weight", 4*d, d)
			f.Add("image_proj."+at+"1.3.weight", d, 4*d)
		}
	}
	for i, width := range widths {
		for _, kind := range []string{"k", "v"} {
			f.Add(fmt.Sprintf("ip_adapter.%d.to_%s_ip.weight", 2*i+1, kind), width, cross)
		}
	}
	return f
}

// visionH are the tensors of ViT-H/14.
func visionH() *golden.FullSize {
	const d, p = 1280, "vision_model."
	f := golden.NewFullSize()
	layer := func(name string, shape ...int) {
		f.Add(p+name+".weight", shape...)
		f.Add(p+name+".bias", shape[0])
	}
	f.Add(p+"embeddings.class_embedding", d)
	f.Add(p+"embeddings.patch_embedding.weight", d, 3, 14, 14)
	f.Add(p+"embeddings.position_embedding.weight", 257, d)
	layer("pre_layrnorm", d)
	for i := range 32 {
		at := fmt.Sprintf("encoder.layers.%d.", i)
		for _, name := range []string{"q", "k", "v", "out"} {
			layer(at+"self_attn."+name+"_proj", d, d)
		}
		layer(at+"layer_norm1", d)
		layer(at+"layer_norm2", d)
		layer(at+"mlp.fc1", 4*d, d)
		layer(at+"mlp.fc2", d, 4*d)
	}
	layer("post_layernorm", d)
	f.Add("visual_projection.weight", 1024, d)
	return f
}

// The shapes of published adapters are those of the U-Nets that they are for, whose
// attentions are counted down, up and in the middle; and they are told.
func TestPublishedIPAdapters(t *testing.T) {
	widths1 := []int{320, 320, 640, 640, 1280, 1280, 1280, 1280, 1280, 640, 640, 640, 320, 320, 320, 1280}
	widthsXL := slices.Concat(slices.Repeat([]int{640}, 4), slices.Repeat([]int{1280}, 20+30), slices.Repeat([]int{640}, 6), slices.Repeat([]int{1280}, 10))
	nets := make(map[string]*Pipeline)
	for name, size := range map[string]golden.UNetSize{"1": size1(4), "XL": sizeXL()} {
		f := golden.NewFullSize()
		f.UNet(size)
		_, file := fullFile(t, f)
		part, _, _, err := ldm.OpenPart(file, ldm.UNet, "")
		require.NoError(t, err)
		ctx, x, done, err := (&Report{}).examine(t.Context(), &LoadOptions{})
		require.NoError(t, err)
		defer done()
		require.NoError(t, x.p.loadPart(ctx, ldm.UNet, part, &LoadOptions{}))
		nets[name] = &x.p
	}
	for _, tt := range []struct {
		adapter    *golden.FullSize
		net, other string
		want       string
	}{
		{publishedIP(768, 1024, widths1, 0), "1", "XL", "an IP-Adapter for Stable Diffusion 1, which reads an image encoder: one whose embeddings have 1024 numbers, as CLIP ViT-H/14"},
		{publishedIP(768, 1280, widths1, 12), "1", "XL", "an IP-Adapter Plus for Stable Diffusion 1, which reads an image encoder: one whose tokens have 1280 numbers, as CLIP ViT-H/14"},
		{publishedIP(2048, 1280, widthsXL, 0), "XL", "1", "an IP-Adapter for Stable Diffusion XL, which reads an image encoder: one whose embeddings have 1280 numbers, as CLIP ViT-bigG/14"},
		{publishedIP(2048, 1280, widthsXL, 20), "XL", "1", "an IP-Adapter Plus for Stable Diffusion XL, which reads an image encoder: one whose tokens have 1280 numbers, as CLIP ViT-H/14"},
	} {
		path, file := fullFile(t, tt.adapter)
		r, err := Inspect(path)
		require.NoError(t, err)
		assert.Equal(t, tt.want, r.Name)
		assert.Zero(t, r.Count(Unused)+r.Count(Refused))
		assert.NoError(t, nets[tt.net].checkIPAdapter(file))
		assert.ErrorContains(t, nets[tt.other].checkIPAdapter(file), "for Stable Diffusion "+tt.net+", want ")
	}
	assert.ErrorContains(t, nets["1"].checkIPAdapter(func() *loader.Folder { _, f := fullFile(t, publishedIP(768, 1024, widths1[:9], 0)); return f }()),
		"the adapter is for a U-Net with 9 attentions to the text, of 320, 640, 1280 numbers, want one for 16 attentions to the text, of 320, 640, 1280 numbers")

	path, file := fullFile(t, visionH())
	part, err := ldm.OpenVision(file)
	require.NoError(t, err)
	ctx, x, done, err := (&Report{}).examine(t.Context(), &LoadOptions{})
	require.NoError(t, err)
	defer done()
	require.NoError(t, x.p.loadPart(ctx, imageEncoderFolder, part, &LoadOptions{}))
	c := x.p.ImageEncoder.Config
	assert.Equal(t, clip.VisionConfig{HiddenSize: 1280, IntermediateSize: 5120, NumHiddenLayers: 32, NumHeads: 16, NumChannels: 3, ImageSize: 224, PatchSize: 14,
		HiddenAct: "gelu", LayerNormEps: 1e-5, ProjectionDim: 1024, ModelType: "clip_vision_model", Architectures: []string{"CLIPVisionModelWithProjection"}}, c)
	r, err := Inspect(path)
	require.NoError(t, err)
	assert.Equal(t, "an image encoder of CLIP, ViT-H", r.Name)
}
