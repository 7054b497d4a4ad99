package diffusion

import (
	"encoding/json"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// unclipFolder is the small model of Stable unCLIP, with parts of others.
func unclipFolder(t testing.TB) fstest.MapFS {
	fsys := maps.Clone(golden.Model(t, "tiny-unclip").(fstest.MapFS))
	from := func(model, dir, to string) {
		require.NoError(t, fs.WalkDir(golden.Model(t, model), dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(golden.Model(t, model), name)
			fsys[strings.Replace(name, dir, to, 1)] = &fstest.MapFile{Data: data}
			return err
		}))
	}
	for _, dir := range []string{"text_encoder", "tokenizer", "scheduler"} {
		from("tiny-sd21-v", dir, dir)
	}
	from("tiny-sd15", "vae", "vae")
	from("tiny-safety-checker", "feature_extractor", "feature_extractor")
	for name, file := range golden.Model(t, "tiny-vision").(fstest.MapFS) {
		fsys["image_encoder/"+name] = file
	}
	return fsys
}

func TestUnCLIP(t *testing.T) {
	c := golden.Open(t, "pipelines/unclip")
	var info struct {
		pipelineCase
		Calls map[string]struct {
			Prompt   string
			Guidance float64 `json:"guidance_scale"`
			Noise    int     `json:"noise_level"`
		}
	}
	c.Decode(&info)
	require.Len(t, info.Calls, 3)
	p, err := LoadFS(unclipFolder(t), nil)
	require.NoError(t, err)
	defer p.Close()
	assert.Empty(t, p.Warnings)
	assert.Equal(t, Defaults{Steps: 20, Guidance: 10}, p.Defaults())
	p.Scheduler = info.config(t)
	img := picture(t, "input.png")
	for name, call := range info.Calls {
		o := &Options{Steps: 4, Width: 64, Height: 64, Seed: info.Seed, Guidance: call.Guidance, NoiseLevel: call.Noise, Output: OutputLatent}
		r, err := p.UnCLIP(t.Context(), call.Prompt, img, o)
		require.NoError(t, err)
		want := r.Latents.Float32s()
		golden.Close(t, c.Float32s(name), want, tolerance, name)
		o.Seed, o.Images = o.Seed-1, 2
		batch, err := p.UnCLIP(t.Context(), call.Prompt, img, o)
		require.NoError(t, err)
		assert.Equal(t, want, batch.Latents.Float32s()[len(want):], "in a batch")
	}
}

func TestUnCLIPErrors(t *testing.T) {
	fsys := unclipFolder(t)
	p, err := LoadFS(fsys, nil)
	require.NoError(t, err)
	defer p.Close()
	img := picture(t, "input.png")
	_, err = p.TextToImage(t.Context(), "a cat", nil)
	assert.ErrorContains(t, err, "diffusion: text-to-image: the model reads an image beside the text, want a call that gives one (UnCLIP)")
	_, err = p.UnCLIP(t.Context(), "a cat", img, &Options{NoiseLevel: 1000})
	assert.ErrorContains(t, err, "diffusion: noise level: have 1000, want 0 to 999")
	sd := load(t, "tiny-sd15", nil)
	_, err = sd.UnCLIP(t.Context(), "a cat", img, nil)
	assert.ErrorContains(t, err, "diffusion: unCLIP: the model reads no image beside the text")
	_, err = sd.TextToImage(t.Context(), "a cat", &Options{NoiseLevel: 1})
	assert.ErrorIs(t, err, ErrOptions)

	r, err := InspectFSContext(t.Context(), fsys, ".", nil)
	require.NoError(t, err)
	assert.Empty(t, r.Problems)

	for name, tt := range map[string]struct{ old, new, want string }{
		"model_index.json": {"StableUnCLIPImageNormalizer", "Other", "image_normalizer is an Other, want StableUnCLIPImageNormalizer"},
		"unet/config.json": {`"class_embed_type": "projection"`, `"class_embed_type": "simple_projection"`, ""},
	} {
		wrong := maps.Clone(fsys)
		wrong[name] = &fstest.MapFile{Data: []byte(strings.Replace(string(fsys[name].Data), tt.old, tt.new, 1))}
		_, err := LoadFS(wrong, nil)
		assert.ErrorContains(t, err, tt.want, name)
	}
	prior := maps.Clone(fsys)
	var index map[string]any
	require.NoError(t, json.Unmarshal(fsys["model_index.json"].Data, &index))
	index["prior"] = []string{"diffusers", "PriorTransformer"}
	data, err := json.Marshal(index)
	require.NoError(t, err)
	prior["model_index.json"], prior["prior/config.json"] = &fstest.MapFile{Data: data}, &fstest.MapFile{Data: []byte("{}")}
	_, err = LoadFS(prior, nil)
	assert.ErrorContains(t, err, "belongs to a model with a prior")
}
