package diffusion

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/safetensors"
)

// The refiner of Stable Diffusion XL, saved as a folder and as files, draws what it draws.
func TestSaveRefiner(t *testing.T) {
	p := loadRefiner(t)
	draw := func(p *Pipeline) []float32 {
		r, err := p.ImageToImage(t.Context(), "a photo of a cat", picture(t, "input.png"), &Options{Steps: 4, Strength: 0.5, Seed: 3})
		require.NoError(t, err)
		return r.Latents.Float32s()
	}
	want, out := draw(p), t.TempDir()
	for _, name := range []string{"folder", "a.safetensors", "a.gguf"} {
		path := filepath.Join(out, name)
		require.NoError(t, Save(t.Context(), path, p, nil))
		back, err := Load(path, nil)
		require.NoError(t, err, name)
		defer back.Close()
		assert.Empty(t, back.Warnings, name)
		assert.Nil(t, back.TextEncoder, name)
		assert.Equal(t, want, draw(back), name)
	}
	index, err := os.ReadFile(filepath.Join(out, "folder", "model_index.json"))
	require.NoError(t, err)
	for _, line := range []string{`"_class_name": "StableDiffusionXLImg2ImgPipeline"`, `"requires_aesthetics_score": true`, `"force_zeros_for_empty_prompt": false`} {
		assert.Contains(t, string(index), line)
	}
}

// Folders as other versions wrote them, and models that read more than latents and text,
// become files and folders of today that draw the same.
func TestConvertKinds(t *testing.T) {
	oldVAE := golden.Model(t, "tiny-sd15").(fstest.MapFS)
	oldVAE = func() fstest.MapFS {
		m := fstest.MapFS{}
		for name, f := range oldVAE {
			if !strings.HasPrefix(name, "vae/") {
				m[name] = f
			}
		}
		for _, name := range []string{"config.json", "diffusion_pytorch_model.safetensors"} {
			m["vae/"+name] = &fstest.MapFile{Data: golden.File(t, "models/tiny-sd15-vae-oldkeys/"+name)}
		}
		return m
	}()
	for name, model := range map[string]fstest.MapFS{
		"old names in the VAE": oldVAE, "consistency": golden.Folder(t, "lcm-time-cond"), "te-proj": golden.Folder(t, "te-proj"),
		"new-keys": golden.Folder(t, "new-keys"), "ema-keys": golden.Folder(t, "ema-keys"),
	} {
		t.Run(name, func(t *testing.T) {
			dir, out := t.TempDir(), t.TempDir()
			require.NoError(t, os.CopyFS(dir, model))
			a, b, c := filepath.Join(out, "a.safetensors"), filepath.Join(out, "b"), filepath.Join(out, "c.gguf")
			require.NoError(t, Convert(t.Context(), dir, a, nil, nil))
			require.NoError(t, Convert(t.Context(), a, b, nil, nil))
			require.NoError(t, Convert(t.Context(), dir, c, nil, nil))
			want := latentsOf(t, dir)
			for _, path := range []string{a, b, c} {
				assert.Equal(t, want, latentsOf(t, path), path)
			}
			f, err := safetensors.Open(filepath.Join(b, "vae", "diffusion_pytorch_model.safetensors"))
			require.NoError(t, err)
			defer f.Close()
			assert.Contains(t, f.Names(), "decoder.mid_block.attentions.0.to_q.weight")
			f, err = safetensors.Open(filepath.Join(b, "text_encoder", "model.safetensors"))
			require.NoError(t, err)
			defer f.Close()
			assert.Contains(t, f.Names(), "text_model.final_layer_norm.weight")
		})
	}
}

// latentsOf is what the model at a path draws, before it is decoded.
func latentsOf(t *testing.T, path string) []float32 {
	t.Helper()
	p, err := Load(path, nil)
	require.NoError(t, err)
	defer p.Close()
	r, err := p.TextToImage(t.Context(), "a photo of a cat", &Options{Width: 64, Height: 64, Steps: 2, Seed: 5})
	require.NoError(t, err)
	return r.Latents.Float32s()
}

// In blocks a model draws nearly what it draws: the types of the tensors are those that
// stable-diffusion.cpp chooses.
func TestConvertBlocks(t *testing.T) {
	const near = 0.15 // of the largest value, of a tiny model with weights in 8 bits
	dir, path := golden.ModelDir(t, "tiny-sd15"), filepath.Join(t.TempDir(), "a.gguf")
	require.NoError(t, Convert(t.Context(), dir, path, nil, &SaveOptions{DType: "Q8_0"}))
	want, have := latentsOf(t, dir), latentsOf(t, path)
	assert.NotEqual(t, want, have)
	golden.Close(t, want, have, near, "latents")
}

// A model of Stable Diffusion XL that predicts v is marked in its file, by what other tools
// look for.
func TestConvertMarks(t *testing.T) {
	dir, path := golden.ModelDir(t, "tiny-sdxl"), filepath.Join(t.TempDir(), "a.safetensors")
	scheduler := filepath.Join(dir, "scheduler", "scheduler_config.json")
	text, err := os.ReadFile(scheduler)
	require.NoError(t, err)
	changed := strings.NewReplacer(`"rescale_betas_zero_snr": false`, `"rescale_betas_zero_snr": true`).Replace(string(text))
	require.NotEqual(t, string(text), changed)
	require.NoError(t, os.WriteFile(scheduler, []byte(changed), 0o666))
	require.NoError(t, Convert(t.Context(), dir, path, &LoadOptions{Prediction: "v_prediction"}, nil))
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	defer f.Close()
	assert.Subset(t, f.Names(), []string{"v_pred", "ztsnr"})
	p, err := Load(path, nil)
	require.NoError(t, err)
	defer p.Close()
	assert.Empty(t, p.Warnings)
	assert.Equal(t, "v_prediction", p.Scheduler.PredictionType)
	assert.True(t, p.Scheduler.RescaleBetasZeroSNR)
}
