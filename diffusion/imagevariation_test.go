package diffusion

import (
	"encoding/json"
	"image"
	"io/fs"
	"maps"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
)

// variationFolder is a model that varies images: tiny-sd15 with tiny-vision in place of the
// text encoder.
func variationFolder(t testing.TB) fstest.MapFS {
	fsys := make(fstest.MapFS)
	require.NoError(t, fs.WalkDir(golden.Model(t, "tiny-sd15"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch name[:4] {
		case "unet", "vae/", "sche":
			data, err := fs.ReadFile(golden.Model(t, "tiny-sd15"), name)
			fsys[name] = &fstest.MapFile{Data: data}
			return err
		}
		return nil
	}))
	for name, file := range golden.Model(t, "tiny-vision").(fstest.MapFS) {
		fsys["image_encoder/"+name] = file
	}
	checker := golden.Model(t, "tiny-safety-checker").(fstest.MapFS)
	fsys["feature_extractor/preprocessor_config.json"] = checker["feature_extractor/preprocessor_config.json"]
	fsys["model_index.json"] = &fstest.MapFile{Data: []byte(`{"_class_name": "StableDiffusionImageVariationPipeline", "feature_extractor": ["transformers", "CLIPImageProcessor"],
		"image_encoder": ["transformers", "CLIPVisionModelWithProjection"], "safety_checker": [null, null], "scheduler": ["diffusers", "DDIMScheduler"],
		"unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}`)}
	return fsys
}

func TestImageVariation(t *testing.T) {
	c := golden.Open(t, "pipelines/image_variation")
	var info struct {
		pipelineCase
		Calls map[string]struct {
			Guidance      float64 `json:"guidance_scale"`
			Width, Height int
		}
	}
	c.Decode(&info)
	require.Len(t, info.Calls, 2)
	p, err := LoadFS(variationFolder(t), nil)
	require.NoError(t, err)
	defer p.Close()
	assert.Empty(t, p.Warnings)
	p.Scheduler = info.config(t)
	img := rgbImage(c, "image")
	for name, call := range info.Calls {
		o := &Options{Steps: 5, Seed: info.Seed, Guidance: call.Guidance, Width: call.Width, Height: call.Height}
		r, err := p.ImageVariation(t.Context(), img, o)
		require.NoError(t, err)
		golden.Close(t, c.Float32s(name), r.Latents.Float32s(), tolerance, name)
		o.Seed, o.Images = o.Seed-1, 2
		batch, err := p.ImageVariation(t.Context(), img, o)
		require.NoError(t, err)
		assert.Equal(t, r.Images[0].Pix, batch.Images[1].Pix, "in a batch")
		o.Seed, o.Images, o.Syntax = info.Seed, 0, SyntaxWebUI
		syntax, err := p.ImageVariation(t.Context(), img, o)
		require.NoError(t, err)
		assert.Equal(t, r.Images, syntax.Images, "no text has a syntax")
	}
}

func TestImageVariationErrors(t *testing.T) {
	p, err := LoadFS(variationFolder(t), nil)
	require.NoError(t, err)
	defer p.Close()
	img := picture(t, "input.png")
	_, err = p.TextToImage(t.Context(), "a cat", nil)
	assert.ErrorContains(t, err, "diffusion: text-to-image: have a prompt, want none: the model reads images, and no text (ImageVariation)")
	_, err = p.TextToImage(t.Context(), "", nil)
	assert.ErrorContains(t, err, "diffusion: cond: have none, want an embedding [1 T 32] of an image")
	_, err = p.ImageVariation(t.Context(), img, &Options{NegativePrompt: "x"})
	assert.ErrorIs(t, err, ErrOptions)
	given := engine.Tensor(make([]float32, 2*32), 1, 2, 32)
	for _, region := range []Region{{Prompt: "a cat"}, {}, {Cond: given, NegativePrompt: "x"}} {
		region.Box = image.Rect(0, 0, 32, 64)
		o := &Options{Steps: 1, Width: 64, Height: 64, Regions: []Region{region}}
		_, err = p.ImageVariation(t.Context(), img, o)
		assert.EqualError(t, err, "diffusion: regions: region 1: want an embedding (Cond) and no prompt: the model reads images, and no text")
		o.Cond, o.Syntax = given, SyntaxWebUI
		_, err = p.TextToImage(t.Context(), "", o)
		assert.ErrorIs(t, err, ErrOptions)
	}
	for _, wordless := range []*Pipeline{p, load(t, "tiny-ddpm", nil)} {
		_, err = wordless.Plan(&Options{Syntax: SyntaxWebUI})
		assert.NoError(t, err, "a plan reads no words")
	}
	_, err = p.ImageVariation(t.Context(), nil, nil)
	assert.ErrorContains(t, err, "diffusion: image: have no image")
	_, err = load(t, "tiny-sd15", nil).ImageVariation(t.Context(), img, nil)
	assert.ErrorContains(t, err, "diffusion: image variation: the model reads text, want one that reads embeddings of images")
	assert.ErrorContains(t, Save(t.Context(), t.TempDir()+"/x", p, nil), "have a model that reads embeddings of images")

	r, err := InspectFSContext(t.Context(), variationFolder(t), ".", nil)
	require.NoError(t, err)
	assert.Empty(t, r.Problems)
	var parts []string
	for _, part := range r.Parts {
		parts = append(parts, part.Name)
	}
	assert.Equal(t, []string{"image_encoder", "unet", "vae"}, parts)

	narrow := maps.Clone(variationFolder(t))
	var config map[string]any
	require.NoError(t, json.Unmarshal(narrow["image_encoder/config.json"].Data, &config))
	config["projection_dim"] = 31
	data, err := json.Marshal(config)
	require.NoError(t, err)
	narrow["image_encoder/config.json"] = &fstest.MapFile{Data: data}
	_, err = LoadFS(narrow, nil)
	assert.ErrorContains(t, err, "visual_projection.weight")
}
