package diffusion

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/tinyscenes"
	"sdgo/internal/golden"
	"sdgo/safetensors"
	"sdgo/sampler"
	"sdgo/scheduler"
)

func testdataPicture(t *testing.T, name string) image.Image {
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	img, _, err := image.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	return img
}

func scenes(t *testing.T) *Pipeline {
	p, err := LoadFS(tinyscenes.FS, nil)
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

// boundedTolerance is for latents of bounded estimates. Thresholding divides by a
// quantile and so feeds the model latents that it was not trained on, of which it makes
// a rounding error of 1e-5 in the first steps a hundred times as large in the last; and
// the estimates of the untrained model for inpainting are up to 100 before the bound.
// Without their bounds the latents differ by 5 and more.
const boundedTolerance = 5e-3

// A sampler that is named by its scheduler class has of the model's config what
// diffusers' Class.from_config(pipe.scheduler.config) has: bounds on the estimate, and
// algorithm, order and type. In image-to-image PNDM makes the call that is left when
// no step is.
func TestNamedAsDiffusers(t *testing.T) {
	skipInShort(t)
	data, err := os.ReadFile("testdata/named/cases.json")
	require.NoError(t, err)
	var cases []struct {
		Name, Class string
		Config      json.RawMessage
		Steps       int
		Seed        uint64
		Strength    float64
	}
	require.NoError(t, json.Unmarshal(data, &cases))
	require.Len(t, cases, 39)
	file, err := safetensors.OpenFS(os.DirFS("testdata/named"), "latents.safetensors")
	require.NoError(t, err)
	defer file.Close()
	demo, inpaint := scenes(t), load(t, "tiny-inpaint", nil)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			config, err := scheduler.ParseConfig(c.Config)
			require.NoError(t, err)
			o := &Options{Steps: c.Steps, Seed: c.Seed, Guidance: 7.5}
			if o.Sampler, err = sampler.ByName(c.Class); strings.HasPrefix(c.Name, "zero/") {
				o.Sampler = nil
			}
			require.NoError(t, err)
			var result *Result
			switch {
			case strings.HasPrefix(c.Name, "inpaint/"):
				p := *inpaint
				p.Scheduler = p.corrected(config)
				o.Width, o.Height, o.MaskCells = 64, 64, MaskCellsSample
				result, err = p.Inpaint(t.Context(), "a red house", testdataPicture(t, "input.png"), testdataPicture(t, "mask.png"), o)
			case strings.HasPrefix(c.Name, "zero/"):
				p := *demo
				p.Scheduler = p.corrected(config)
				o.Strength = c.Strength
				result, err = p.ImageToImage(t.Context(), "a red house", testdataPicture(t, "named/scene.png"), o)
			default:
				p := *demo
				p.Scheduler = p.corrected(config)
				result, err = p.TextToImage(t.Context(), "a red house", o)
			}
			require.NoError(t, err)
			want, ok := file.Tensor(c.Name)
			require.True(t, ok)
			values, err := want.Float32s()
			require.NoError(t, err)
			limit := tolerance
			if strings.HasPrefix(c.Name, "inpaint/") || strings.HasPrefix(c.Name, "threshold/") {
				limit = boundedTolerance
			}
			golden.Close(t, values, result.Latents.Float32s(), limit, "final latents")
		})
	}
}

// The one call that is left gives the picture back, as diffusers has it.
func TestPNDMWithoutAStep(t *testing.T) {
	p := scenes(t)
	var steps []Step
	o := &Options{Steps: 15, Strength: 0.05, Seed: 3, Guidance: tinyscenes.Guidance, OnStep: func(s Step) error {
		steps = append(steps, s)
		return nil
	}}
	result, err := p.ImageToImage(t.Context(), "a blue house on a green hill", testdataPicture(t, "named/scene.png"), o)
	require.NoError(t, err)
	require.Len(t, steps, 1)
	assert.Equal(t, []int{1, 1, 1}, []int{steps[0].Step, steps[0].Steps, steps[0].Calls})
	const close = 0.1 // mean difference in levels of 255, of which the input is 2.0 away
	difference := 0.0
	want := unit([]*image.NRGBA{nrgba(testdataPicture(t, "named/zero15.png"))})
	for i, v := range unit(result.Images) {
		difference += math.Abs(float64(v-want[i])) * 255 / float64(len(want))
	}
	assert.Less(t, difference, close)
}

// Inpainting clips as the model's file says, also with a U-Net of 4 channels, and as the
// class of a named sampler does where the file is silent; other tasks do not.
func TestInpaintClips(t *testing.T) {
	model := load(t, "tiny-sd15", nil)
	const plain = `{"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
		"skip_prk_steps": true, "set_alpha_to_one": false, "steps_offset": 1, "timestep_spacing": "leading"%s}`
	for name, tt := range map[string]struct {
		config string
		named  bool
		want   float64 // the largest of the final latents in diffusers
	}{
		"own":    {strings.Replace(fmt.Sprintf(plain, `, "clip_sample": true`), "PNDM", "DDIM", 1), false, 2.5335888862609863},
		"silent": {fmt.Sprintf(plain, ""), true, 2.5335888862609863},
		"false":  {fmt.Sprintf(plain, `, "clip_sample": false`), true, 22.12394142150879},
	} {
		config, err := scheduler.ParseConfig([]byte(tt.config))
		require.NoError(t, err)
		p, err := New(model.Tokenizer, model.TextEncoder, model.UNet, model.VAE, config)
		require.NoError(t, err)
		assert.False(t, p.Scheduler.ClipSample)
		o := &Options{Width: 64, Height: 64, Steps: 4, Seed: 5, MaskCells: MaskCellsSample}
		if tt.named {
			o.Sampler = sampler.DDIM{}
		}
		result, err := p.Inpaint(t.Context(), "a red house", testdataPicture(t, "input.png"), testdataPicture(t, "mask.png"), o)
		require.NoError(t, err)
		largest := float32(0)
		for _, v := range result.Latents.Float32s() {
			largest = max(largest, v, -v)
		}
		assert.InEpsilon(t, tt.want, float64(largest), tolerance, name)
	}
}

// Noise of many pictures is drawn until ctx is done and not further: at the start, when
// a run begins it anew, and between steps.
func TestNoiseIsCancelled(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	const images = 20
	for _, last := range []int{5, images + 5, 2*images + 5} {
		ctx, cancel := context.WithCancel(t.Context())
		draws := 0
		o := &Options{Width: 8, Height: 8, Steps: 3, Images: images, Guidance: 1, Sampler: sampler.EulerAncestral{}}
		o.NewNoise = func(seed uint64) sampler.Noise {
			return func(dst []float32) {
				if draws++; draws == last {
					cancel()
				}
				sampler.NewTorch(seed).Normal(dst)
			}
		}
		_, err := p.TextToImage(ctx, prompt, o)
		assert.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, last, draws)
	}
}

// Every label of Stable Diffusion WebUI's starts at the model's noisiest training
// level and, but for those to which zero comes sooner, calls the model at its
// cleanest; a class's own flags have diffusers' levels.
func TestLabelLevels(t *testing.T) {
	skipInShort(t)
	p := load(t, "tiny-sd15", nil)
	levels := func(p *Pipeline, o *Options) (first, last float64) {
		last = math.Inf(1)
		o.Width, o.Height, o.Steps, o.Guidance = 8, 8, 10, 1
		o.Wrap = func(next sampler.Denoiser) sampler.Denoiser {
			return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
				first, last = max(first, sigma), min(last, sigma)
				return next(ctx, x, sigma)
			}
		}
		_, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		return first, last
	}
	const high, low, close = 14.6146, 0.0292, 1e-4 // the cleanest level rounds to 0.0292
	const near = 1e-3                              // the noisiest is a float32's power in some
	for _, name := range []string{"Euler a", "Euler", "LMS", "Heun", "DPM2", "DPM2 a", "DPM++ 2S a", "DPM++ 2M", "DPM++ SDE", "DPM++ 2M SDE", "DPM++ 2M SDE Heun",
		"DPM++ 3M SDE", "DPM fast", "DPM adaptive", "Restart", "DDIM", "PLMS", "UniPC", "LCM"} {
		for _, ending := range []string{"Karras", "Exponential", "Polyexponential", "Beta", "Uniform", "Normal", "Automatic", "KL Optimal", "Simple", "SGM Uniform", "DDIM", "Align Your Steps"} {
			label := name + " " + ending
			info, schedule, err := sampler.ParseLabel(label)
			require.NoError(t, err, label)
			s, err := sampler.ByName(info.Name)
			require.NoError(t, err, label)
			first, last := levels(p, &Options{Sampler: s, Schedule: schedule})
			if ending != "DDIM" { // every so many levels from the second up
				assert.InDelta(t, high, first, near, label)
			}
			switch ending {
			case "Karras", "Exponential", "Polyexponential", "Beta", "Uniform", "Normal", "Automatic":
				if !strings.HasPrefix(name, "DPM fast") && !strings.HasPrefix(name, "DPM adaptive") { // these end at it without a call
					assert.InDelta(t, low, last, close, label)
				}
			}
		}
	}
	for _, class := range []string{"EulerDiscreteScheduler", "HeunDiscreteScheduler", "LMSDiscreteScheduler", "KDPM2DiscreteScheduler", "DPMSolverSDEScheduler"} {
		for key, ending := range map[string]string{"use_karras_sigmas": "Karras", "use_exponential_sigmas": "Exponential", "use_beta_sigmas": "Beta"} {
			label := class + " " + ending
			info, schedule, err := sampler.ParseLabel(label)
			require.NoError(t, err)
			s, err := sampler.ByName(info.Name)
			require.NoError(t, err)
			first, last := levels(p, &Options{Sampler: s, Schedule: schedule})
			assert.InDelta(t, 8.3907, first, close, label)
			assert.InDelta(t, 0.0413, last, close, label)

			flagged := *p
			flagged.Scheduler, err = scheduler.ParseConfig(fmt.Appendf(nil, `{"_class_name": %q, "beta_start": 0.00085, "beta_end": 0.012,
				"beta_schedule": "scaled_linear", "timestep_spacing": "leading", "steps_offset": 1, %q: true}`, class, key))
			require.NoError(t, err)
			flaggedFirst, flaggedLast := levels(&flagged, &Options{})
			assert.Equal(t, []float64{first, last}, []float64{flaggedFirst, flaggedLast}, "%s: the flag in a config", label)
		}
	}
}
