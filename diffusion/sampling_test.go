package diffusion

import (
	"context"
	"image"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/sampler"
	"sdgo/scheduler"
)

// The noise may be another generator's.
func TestNewNoise(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	want, err := p.TextToImage(t.Context(), prompt, quick(4))
	require.NoError(t, err)
	o := quick(4)
	o.NewNoise = func(seed uint64) sampler.Noise { return sampler.NewTorch(seed).Normal }
	same, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, want.Images, same.Images)
	o.NewNoise = func(seed uint64) sampler.Noise { return sampler.NewPhilox(seed).Normal }
	other, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.NotEqual(t, want.Images, other.Images)
}

// Runs with different samplers at once share nothing.
func TestConcurrentSamplers(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	names := sampler.Names()
	options := func(i int) *Options {
		s, err := sampler.ByName(names[i%len(names)].Name)
		require.NoError(t, err)
		return &Options{Width: 32, Height: 32, Steps: 5, Seed: uint64(i), Sampler: s}
	}
	var wg sync.WaitGroup
	got := make([]*Result, max(32, len(names)))
	for i := range got {
		wg.Go(func() {
			var err error
			got[i], err = p.TextToImage(t.Context(), prompt, options(i))
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	for i, r := range got {
		want, err := p.TextToImage(t.Context(), prompt, options(i))
		require.NoError(t, err)
		assert.Equal(t, want.Images, r.Images, names[i%len(names)].Name)
	}
}

// Every sampler runs by its name on its own levels, and on levels by name, which change
// the picture. What its class cannot follow is refused.
func TestAllSamplers(t *testing.T) {
	skipInShort(t)
	p := load(t, "tiny-sd15", nil)
	refused := func(name, schedule string) string {
		switch {
		case name == "pndm" && schedule != "trailing":
			return "skip_prk_steps: have false, want true with levels other than its own"
		case name == "dpmsolver_singlestep" && schedule == "trailing":
			return `have "trailing", which DPMSolverSinglestepScheduler does not have`
		}
		return ""
	}
	same := func(name, schedule string) bool {
		switch name {
		case "dpm_fast", "dpm_adaptive": // they take the first level and the last
			return schedule == "karras"
		case "lcm", "tcd": // their own levels are spaced so
			return schedule == "trailing"
		}
		return false
	}
	for _, info := range sampler.Names() {
		run := func(schedule string) (*Result, error) {
			s, err := sampler.ByName(info.Name)
			require.NoError(t, err)
			return p.TextToImage(t.Context(), prompt, &Options{Width: 16, Height: 16, Steps: 5, Seed: 1, Sampler: s, Schedule: schedule})
		}
		own, err := run("")
		require.NoError(t, err, info.Name)
		assert.Equal(t, image.Rect(0, 0, 16, 16), own.Images[0].Rect, info.Name)
		for _, schedule := range []string{"karras", "normal", "trailing", "gits", "bong_tangent", "karras_exponential", "align_your_steps_32"} {
			r, err := run(schedule)
			if want := refused(info.Name, schedule); want != "" {
				assert.ErrorContains(t, err, want, "%s on %s", info.Name, schedule)
				continue
			}
			if assert.NoError(t, err, "%s on %s", info.Name, schedule) {
				assert.Equal(t, same(info.Name, schedule), slices.Equal(own.Latents.Float32s(), r.Latents.Float32s()), "%s on %s", info.Name, schedule)
			}
		}
	}
}

// A name's own options stand against those of the config of its class; a name that
// is the class has the config's.
func TestNamedOptions(t *testing.T) {
	for name, want := range map[string]sampler.Sampler{
		"dpmpp_3m":  sampler.DPMSolver{Order: 3},
		"unipc_bh2": sampler.UniPC{Order: 3, LowerOrderFinal: true, End: 0.001},
		"unipc_2":   sampler.UniPC{Order: 1, BH1: true},
		"pndm":      sampler.PNDM{},
	} {
		s, err := sampler.ByName(name)
		require.NoError(t, err)
		have, err := solver(&Options{Sampler: s}, &scheduler.Schedule{Solver: scheduler.Solver{Class: sampler.SchedulerClass(s), Order: 1, Type: "bh1", PRK: true}})
		require.NoError(t, err)
		assert.Equal(t, want, have, name)
	}
}

// A sampler from an image to noise is refused.
func TestInverseSampler(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for _, info := range sampler.Inverses() {
		s, err := sampler.ByName(info.Name)
		require.NoError(t, err)
		_, err = p.TextToImage(t.Context(), prompt, &Options{Width: 16, Height: 16, Steps: 2, Sampler: s})
		assert.ErrorContains(t, err, "have one that goes from an image to noise", info.Name)
	}
}

func TestDiscardPenultimate(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	var sigmas []float64
	o := &Options{Width: 32, Height: 32, Steps: 4, Sampler: sampler.DPM2{}, Schedule: "karras", DiscardPenultimate: true}
	o.OnStep = func(s Step) error {
		sigmas = append(sigmas, s.Sigma)
		return nil
	}
	_, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	config, err := p.Scheduler.As("KDPM2DiscreteScheduler")
	require.NoError(t, err)
	full, err := config.ScheduleNamed("karras", 5)
	require.NoError(t, err)
	assert.Equal(t, []float64{full.Sigmas[1], full.Sigmas[2], full.Sigmas[3], full.Sigmas[5]}, sigmas)
	o.Sigmas = []float64{3, 1, 0}
	_, err = p.TextToImage(t.Context(), prompt, o)
	assert.ErrorContains(t, err, "sigmas: have them beside a schedule")
}

// listedTolerance is for latents of the same levels whose timesteps are interpolated in
// one run and whole numbers in the other.
const listedTolerance = 1e-2

func TestOwnSigmas(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := &Options{Width: 64, Height: 64, Steps: 6, Sampler: sampler.Euler{}, Schedule: "karras"}
	want, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	config, err := p.Scheduler.As("EulerDiscreteScheduler")
	require.NoError(t, err)
	s, err := config.ScheduleNamed("karras", 6)
	require.NoError(t, err)
	o = &Options{Width: 64, Height: 64, Sampler: sampler.Euler{}, Sigmas: s.Sigmas}
	got, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, len(s.Timesteps), got.Timings.Calls)
	golden.Close(t, want.Latents.Float32s(), got.Latents.Float32s(), listedTolerance, "latents")
	for _, bad := range [][]float64{{1}, {1, 2, 0}, {math.NaN(), 0}, {1, -1}} {
		o.Sigmas = bad
		_, err = p.TextToImage(t.Context(), prompt, o)
		assert.Error(t, err)
	}
}

// A sampler of the caller's own runs on the levels that end at zero.
func TestOwnSampler(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	own := samplerFunc(func(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, noise sampler.Noise) error {
		return sampler.Euler{}.Sample(ctx, denoise, x, sigmas, noise)
	})
	o := quick(5)
	o.Sampler = sampler.Euler{}
	want, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	o.Sampler = own
	got, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Equal(t, want.Images, got.Images)
}

type samplerFunc func(context.Context, sampler.Denoiser, []float32, []float64, sampler.Noise) error

func (f samplerFunc) Sample(ctx context.Context, d sampler.Denoiser, x []float32, sigmas []float64, noise sampler.Noise) error {
	return f(ctx, d, x, sigmas, noise)
}
