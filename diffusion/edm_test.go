package diffusion

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/safetensors"
	"sdgo/safetensors/checkpoint"
	"sdgo/sampler"
	"sdgo/scheduler"
)

// playground gives the VAE a mean and a standard deviation for each channel, as
// testdata/edm/gen.py does.
func playground(part string, src checkpoint.Source) (checkpoint.Source, error) {
	o := checkpoint.NewOverlay(src)
	if part != "vae" {
		return o, nil
	}
	for key, value := range map[string]any{"latents_mean": []float64{-1.6574, 1.886, -1.383, 2.5155}, "latents_std": []float64{8.4927, 5.9022, 6.5498, 5.2299}, "scaling_factor": 0.5} {
		if err := o.SetConfig(key, value); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// Models with the preconditioning and the noise levels of EDM draw what they do in
// diffusers.
func TestEDM(t *testing.T) {
	p, err := LoadFS(golden.Model(t, "tiny-sdxl"), &LoadOptions{Overlay: playground})
	require.NoError(t, err)
	defer p.Close()
	for name, config := range map[string]string{
		"playground": `"_class_name": "EDMDPMSolverMultistepScheduler"`,
		"euler":      `"_class_name": "EDMEulerScheduler"`,
		"cosxl":      `"_class_name": "EDMEulerScheduler", "prediction_type": "v_prediction", "sigma_data": 1.0, "sigma_schedule": "exponential", "sigma_max": 120.0`,
		"image":      `"_class_name": "EDMDPMSolverMultistepScheduler"`,
	} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile("testdata/edm/" + name + ".f32")
			require.NoError(t, err)
			want := make([]float32, len(data)/4)
			require.NoError(t, binary.Read(bytes.NewReader(data), binary.LittleEndian, want))
			p.Scheduler, err = scheduler.ParseConfig([]byte("{" + config + "}"))
			require.NoError(t, err)
			o := &Options{Width: 64, Height: 64, Steps: 5, Seed: 4242, Guidance: 3}
			var result *Result
			if name == "image" {
				o.Strength = 0.6
				result, err = p.ImageToImage(t.Context(), cat, picture(t, "input.png"), o)
			} else {
				result, err = p.TextToImage(t.Context(), cat, o)
			}
			require.NoError(t, err)
			latents := result.Latents.Float32s()
			golden.Close(t, want[:len(latents)], latents, tolerance, "final latents")
			if name == "playground" {
				golden.Close(t, want[len(latents):], unit(result.Images), 1.0/255+tolerance, "image, a rounding step")
			}
		})
	}
}

// A sampler of the caller's runs on the model's own levels.
func TestEDMSampler(t *testing.T) {
	p, err := LoadFS(golden.Model(t, "tiny-sdxl"), &LoadOptions{Overlay: playground})
	require.NoError(t, err)
	defer p.Close()
	p.Scheduler, err = scheduler.ParseConfig([]byte(`{"_class_name": "EDMEulerScheduler"}`))
	require.NoError(t, err)
	draw := func(s sampler.Sampler) []float32 {
		result, err := p.TextToImage(t.Context(), cat, &Options{Width: 64, Height: 64, Steps: 3, Sampler: s, Output: OutputLatent})
		require.NoError(t, err)
		return result.Latents.Float32s()
	}
	own := draw(nil)
	assert.Equal(t, own, draw(sampler.Euler{}))
	assert.NotEqual(t, own, draw(sampler.Heun{}))
}

// One file says so by its tensors.
func TestEDMSingleFile(t *testing.T) {
	numbers := func(name string, shape []int, x ...float32) safetensors.Tensor {
		tt, err := safetensors.NewFloat32(name, shape, x)
		require.NoError(t, err)
		return tt
	}
	channels := []int{1, 4, 1, 1}
	for name, tt := range map[string]struct {
		added []safetensors.Tensor
		want  string
	}{
		"playground": {added: []safetensors.Tensor{numbers("edm_mean", channels, -1.6574, 1.886, -1.383, 2.5155), numbers("edm_std", channels, 8.4927, 5.9022, 6.5498, 5.2299)}},
		"cosxl":      {added: []safetensors.Tensor{numbers("edm_vpred.sigma_max", []int{}, 120), numbers("edm_vpred.sigma_min", []int{}, 0.002)}},
		"none":       {[]safetensors.Tensor{numbers("edm_mean", []int{4}, 1, 1, 1, 1)}, "edm_std: have shape [], want 4 numbers"},
		"few":        {[]safetensors.Tensor{numbers("edm_mean", []int{3}, 1, 1, 1)}, "edm_mean: have shape [3], want 4 numbers"},
		"infinite":   {[]safetensors.Tensor{numbers("edm_vpred.sigma_max", []int{1}, float32(math.Inf(1)))}, "edm_vpred.sigma_max: have +Inf, want finite numbers"},
		"negative":   {[]safetensors.Tensor{numbers("edm_vpred.sigma_max", []int{1}, -1)}, "sigma_max"},
	} {
		t.Run(name, func(t *testing.T) {
			files := golden.SingleFile(t, "tiny-sdxl")
			f, err := safetensors.OpenFS(files, "tiny-sdxl.safetensors")
			require.NoError(t, err)
			defer f.Close()
			for _, n := range f.Names() {
				x, _ := f.Tensor(n)
				tt.added = append(tt.added, x)
			}
			var b bytes.Buffer
			require.NoError(t, safetensors.Write(&b, tt.added, nil))
			files["tiny-sdxl.safetensors"] = &fstest.MapFile{Data: b.Bytes(), Mode: 0o644}
			golden.Tokenizer(t, files, "tiny-sd15")
			addXL(t, files)
			p, err := Load(onDisk(t, files, "tiny-sdxl"), nil)
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			defer p.Close()
			result, err := p.TextToImage(t.Context(), cat, &Options{Width: 64, Height: 64, Steps: 5, Seed: 4242, Guidance: 3, Output: OutputLatent})
			require.NoError(t, err)
			data, err := os.ReadFile("testdata/edm/" + name + ".f32")
			require.NoError(t, err)
			want := make([]float32, 256)
			_, err = binary.Decode(data, binary.LittleEndian, want)
			require.NoError(t, err)
			golden.Close(t, want, result.Latents.Float32s(), tolerance, name)
		})
	}
}
