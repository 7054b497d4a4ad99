package diffusion

import (
	"context"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
	"sdgo/scheduler"
)

// logs counts the runs of samplers that wrap another.
type logs struct{ runs int }

func (l *logs) log() { l.runs++ }

// holder has another sampler and says which.
type holder struct {
	*logs
	inside sampler.Sampler
}

func (h holder) Unwrap() sampler.Sampler { return h.inside }

func (h holder) Sample(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, noise sampler.Noise) error {
	h.log()
	return h.inside.Sample(ctx, denoise, x, sigmas, noise)
}

// embedder embeds any sampler.
type embedder struct {
	sampler.Sampler
	*logs
}

func (e *embedder) Sample(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, noise sampler.Noise) error {
	e.log()
	return e.Sampler.Sample(ctx, denoise, x, sigmas, noise)
}

// embedsDPM embeds one type of sampler.
type embedsDPM struct {
	sampler.DPMPP2M
	*logs
}

func (e embedsDPM) Sample(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, noise sampler.Noise) error {
	e.log()
	return e.DPMPP2M.Sample(ctx, denoise, x, sigmas, noise)
}

// embedsPLMS embeds one whose steps follow from the model's config.
type embedsPLMS struct {
	*sampler.PLMS
	*logs
}

func (e embedsPLMS) Sample(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, noise sampler.Noise) error {
	e.log()
	return e.PLMS.Sample(ctx, denoise, x, append([]float64(nil), sigmas...), noise)
}

// pointerTo returns a pointer to a copy of a sampler.
func pointerTo(s sampler.Sampler) sampler.Sampler {
	p := reflect.New(reflect.TypeOf(s))
	p.Elem().Set(reflect.ValueOf(s))
	return p.Interface().(sampler.Sampler)
}

// A sampler that is given by pointer, or wrapped in one of the caller's own, has the
// levels, the bounds and the config's options that it has as it is.
func TestWrappedSamplers(t *testing.T) {
	p := *load(t, "tiny-sd15", nil)
	// something for each sampler to take up: with 7 trailing steps, which do not divide 1000, DDIM and PLMS miss their levels
	config, err := scheduler.ParseConfig([]byte(`{"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
		"timestep_spacing": "trailing", "thresholding": true, "dynamic_thresholding_ratio": 0.9, "sample_max_value": 1.5,
		"solver_order": 3, "predictor_order": 3, "lower_order_final": true, "variance_type": "fixed_large"}`))
	require.NoError(t, err)
	p.Scheduler = p.corrected(config)
	latents := func(s sampler.Sampler) []float32 {
		o := &Options{Width: 8, Height: 8, Steps: 7, Seed: 3, Guidance: 1.5, Sampler: s}
		if info, _ := sampler.Describe(s); info.Name == "ddim" {
			o.Eta = 0.5
		}
		r, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err, "%T", s)
		return r.Latents.Float32s()
	}
	for _, info := range sampler.Names() {
		s, err := sampler.ByName(info.Name)
		require.NoError(t, err)
		want := latents(s)
		l := &logs{}
		for i, s := range []sampler.Sampler{pointerTo(s), holder{l, s}, &holder{l, pointerTo(s)}, &embedder{s, l}, holder{l, &embedder{pointerTo(s), l}}} {
			assert.Equal(t, want, latents(s), "%s %d: %T", info.Name, i, s)
		}
		assert.Equal(t, 5, l.runs, "the caller's own ran")
	}
	l := &logs{}
	assert.Equal(t, latents(sampler.DPMPP2M{}), latents(embedsDPM{sampler.DPMPP2M{}, l}))
	assert.Equal(t, latents(sampler.PLMS{}), latents(&embedsPLMS{&sampler.PLMS{}, l}))
	assert.Equal(t, 2, l.runs)
	assert.NotEqual(t, latents(sampler.PLMS{}), latents(ownClass{sampler.PLMS{}, "EulerDiscreteScheduler"}), "other levels, as it says")
}

// ownClass names the scheduler class whose levels it wants.
type ownClass struct {
	sampler.Sampler
	class string
}

func (c ownClass) SchedulerClass() string { return c.class }

// A run of a wrapped sampler goes on where it was saved, and steps are told as ever.
func TestWrappedSamplerResumes(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	var saved []byte
	steps := 0
	o := &Options{Width: 16, Height: 16, Steps: 5, Sampler: holder{&logs{}, sampler.PLMS{}}, OnStep: func(s Step) (err error) {
		if steps = s.Steps; s.Step == 3 {
			saved, err = s.Save()
		}
		return err
	}}
	want, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, 5, steps)
	o.Resume = saved
	got, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, want.Images, got.Images)
	o.Sampler = sampler.PLMS{VPrediction: true}
	_, err = p.TextToImage(t.Context(), prompt, o)
	assert.ErrorContains(t, err, "resume")
}

func TestWrappedSamplerRefuses(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for want, s := range map[string]sampler.Sampler{
		`have "NoSuchScheduler"`:                     ownClass{sampler.Euler{}, "NoSuchScheduler"},
		"one that goes from an image to noise":       &sampler.DDIMInverse{},
		"that goes from an image to noise, want one": holder{&logs{}, sampler.DPMSolver{Inverse: true}},
		"have a nil *sampler.PLMS":                   (*sampler.PLMS)(nil),
	} {
		_, err := p.TextToImage(t.Context(), prompt, &Options{Sampler: s})
		assert.ErrorContains(t, err, want)
	}
	_, err := p.TextToImage(t.Context(), prompt, &Options{Sampler: holder{&logs{}, sampler.Euler{}}, Eta: 0.3})
	assert.ErrorContains(t, err, "the sampler is not DDIM or TCD")
}
