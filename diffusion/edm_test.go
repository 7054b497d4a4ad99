package diffusion

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
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
