package sampler_test

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
	"sdgo/scheduler"
)

// seen is what a run yielded.
func seen(t *testing.T, r *sampler.Run) (steps []sampler.Step) {
	for step, err := range r.Steps(t.Context()) {
		require.NoError(t, err)
		step.X = slices.Clone(step.X)
		steps = append(steps, step)
	}
	return steps
}

// Steps are counted one by one to the number that there is of them.
func TestStepsAreCounted(t *testing.T) {
	samplers := all(t)
	samplers["restart with restarts"] = sampler.Restart{Times: 2, Steps: 2, Low: 0.3, High: 6}
	samplers["euler with churn"] = sampler.Euler{Churn: sampler.Churn{S: 2}}
	samplers["heun with churn"] = sampler.Heun{Churn: sampler.Churn{S: 2}}
	for name, s := range samplers {
		r := testRun(s, new(int))
		want := len(r.Sigmas) - 1
		switch name {
		case "plms":
			want--
		case "pndm":
			want = 5 // three of four calls, and a call each for two more
		case "restart with restarts":
			want += 4
		}
		steps := seen(t, r)
		last := steps[len(steps)-1]
		assert.Equal(t, want, last.Index, name)
		assert.Equal(t, r.Sigmas[len(r.Sigmas)-1], last.Sigma, name)
		for i, step := range steps {
			assert.Equal(t, want, step.Steps, name)
			if name == "dpm_fast" || name == "dpm_adaptive" { // these leave numbers out
				assert.True(t, i == 0 || steps[i-1].Index < step.Index, name)
			} else {
				assert.Equal(t, i+1, step.Index, name)
			}
		}
	}
}

// After each step of a method that looks back at no other, the state is that of a run
// which ends there: no call at the level of the step's end is taken for the step.
func TestStepsAreFinished(t *testing.T) {
	zero := 0.0
	for name, s := range map[string]sampler.Sampler{
		"euler": sampler.Euler{}, "heun": sampler.Heun{}, "dpm2": sampler.DPM2{}, "dpm2_ancestral": sampler.DPM2Ancestral{Eta: &zero},
		"res_2s": sampler.Res2S{}, "seeds_2": sampler.SEEDS2{Eta: &zero}, "exp_heun": sampler.SEEDS2{Eta: &zero, R: 1, Phi2: true},
		"seeds_3": sampler.SEEDS3{Eta: &zero}, "dpmpp_2s": sampler.DPMPP2SAncestral{Eta: &zero}, "dpmpp_sde": sampler.DPMPPSDE{Eta: &zero},
		"ddim": sampler.DDIM{}, "restart": sampler.Restart{}, "own": twoStage{},
	} {
		r := testRun(s, new(int))
		for _, step := range seen(t, r) {
			until := slices.Clone(r.X)
			require.NoError(t, s.Sample(t.Context(), r.Denoise, until, r.Sigmas[:step.Index+1], nil))
			assert.Equal(t, until, step.X, "%s: step %d", name, step.Index)
			assert.Equal(t, r.Sigmas[step.Index], step.Sigma, name)
		}
	}
}

// twoStage is Heun's method as another package would write it.
type twoStage struct{}

func (twoStage) Sample(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, _ sampler.Noise) error {
	ahead := make([]float32, len(x))
	for i := range len(sigmas) - 1 {
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return err
		}
		d := make([]float32, len(x))
		for j, v := range x {
			d[j] = (v - est.Denoised[j]) / float32(sigma)
			ahead[j] = v + float32(next-sigma)*d[j]
		}
		if next > 0 {
			if est, err = denoise(ctx, ahead, next); err != nil {
				return err
			}
			for j, v := range ahead {
				d[j] = (d[j] + (v-est.Denoised[j])/float32(next)) / 2
			}
		}
		for j := range x {
			x[j] += float32(next-sigma) * d[j]
		}
	}
	return nil
}

// A sampler of another package that runs ours on parts of the levels, and one that
// works on a slice of its own, yield each step too.
func TestStepsOfOthers(t *testing.T) {
	parts := func(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, noise sampler.Noise) error {
		if err := (sampler.Heun{}).Sample(ctx, denoise, x, sigmas[:4], noise); err != nil {
			return err
		}
		return sampler.Euler{}.Sample(ctx, denoise, x, sigmas[3:], noise)
	}
	elsewhere := func(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, noise sampler.Noise) error {
		y := slices.Clone(x)
		for i := range len(sigmas) - 1 {
			if _, err := denoise(ctx, y, sigmas[i]); err != nil {
				return err
			}
		}
		copy(x, y)
		return nil
	}
	for name, s := range map[string]ownSampler{"parts": parts, "elsewhere": elsewhere} {
		var indices []int
		for _, step := range seen(t, testRun(s, new(int))) {
			indices = append(indices, step.Index)
		}
		assert.Equal(t, []int{1, 2, 3, 4, 5}, indices, name)
	}
}

type ownSampler func(context.Context, sampler.Denoiser, []float32, []float64, sampler.Noise) error

func (f ownSampler) Sample(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, noise sampler.Noise) error {
	return f(ctx, denoise, x, sigmas, noise)
}

// A run that is cancelled during its last step's arithmetic ends with ctx's error, as
// what it computed may be cut short; a nil context is an error.
func TestCancelledAtTheEnd(t *testing.T) {
	for name, s := range all(t) {
		r := testRun(s, new(int))
		var calls, last int
		count := func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
			calls++
			return r.Denoise(ctx, x, sigma)
		}
		require.NoError(t, s.Sample(t.Context(), count, slices.Clone(r.X), r.Sigmas, r.Noise()), name)
		last, calls = calls, 0
		ctx, cancel := context.WithCancel(t.Context())
		stop := func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
			if calls++; calls == last {
				cancel()
			}
			return r.Denoise(ctx, x, sigma)
		}
		assert.ErrorIs(t, s.Sample(ctx, stop, slices.Clone(r.X), r.Sigmas, r.Noise()), context.Canceled, name)
		var none context.Context
		assert.ErrorContains(t, s.Sample(none, r.Denoise, slices.Clone(r.X), r.Sigmas, r.Noise()), "nil context", name)
	}
}

// Options out of their range, alone, are errors or mean something, and never a panic
// or a run without an end.
func TestOptionsOutOfRange(t *testing.T) {
	values := map[reflect.Kind][]any{
		reflect.Int:     {-1, 7, 30, 1 << 20, math.MaxInt, math.MinInt},
		reflect.Float64: {-1.0, 0.3, 2.0, 1e300, math.Inf(1), math.NaN(), math.SmallestNonzeroFloat64},
		reflect.Bool:    {true},
		reflect.String:  {"", "v_prediction", "nonsense"},
	}
	for name, s := range all(t) {
		sigmas := testRun(s, new(int)).Sigmas
		var try func(v reflect.Value, path string)
		whole := reflect.New(reflect.TypeOf(s)).Elem()
		try = func(v reflect.Value, path string) {
			if v.Kind() == reflect.Struct {
				for i := range v.NumField() {
					try(v.Field(i), path+"."+v.Type().Field(i).Name)
				}
				return
			}
			for _, value := range values[v.Kind()] {
				whole.Set(reflect.ValueOf(s))
				v.Set(reflect.ValueOf(value).Convert(v.Type()))
				for _, levels := range [][]float64{sigmas, {10, 0}, many(25), many(41)} {
					calls := 0
					denoise := func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
						if calls++; calls > 3000 {
							return sampler.Estimate{}, fmt.Errorf("enough")
						}
						return sampler.Estimate{Denoised: make([]float32, len(x)), Uncond: make([]float32, len(x))}, nil
					}
					assert.NotPanics(t, func() {
						changed := whole.Interface().(sampler.Sampler)
						_ = changed.Sample(t.Context(), denoise, []float32{1, 2}, levels, silence)
					}, "%s%s = %v", name, path, value)
				}
				whole.Set(reflect.ValueOf(s))
			}
		}
		try(whole, "")
	}
}

// many are n levels down to zero.
func many(n int) []float64 {
	var sigmas []float64
	for i := range n {
		sigmas = append(sigmas, 10*float64(n-1-i)/float64(n-1))
	}
	return sigmas
}

// Values that no constructor made, and functions given nothing, do not panic.
func TestZeroValues(t *testing.T) {
	x := make([]float32, 33)
	for _, noise := range []sampler.Noise{(&sampler.Torch{}).Normal, (&sampler.Philox{}).Normal, (&sampler.Counter{}).Normal} {
		noise(x)
		noise(nil)
	}
	(&sampler.Brownian{}).Noise(x, 2, 1)
	assert.Nil(t, sampler.PerImage(nil))
	_, err := sampler.Limited(nil, sampler.Limit{Clip: 1})(t.Context(), x, 1)
	assert.ErrorContains(t, err, "no Denoiser")
	assert.Nil(t, sampler.Bounded(nil, sampler.Solver{Clip: 1}))
	for _, class := range []string{"DDPMScheduler", "DDIMScheduler", "PNDMScheduler", "LCMScheduler", "TCDScheduler", "DPMSolverSinglestepScheduler", "SASolverScheduler", "UniPCMultistepScheduler", "DEISMultistepScheduler"} {
		s, err := sampler.FromSolver(sampler.Solver{Class: class, Quantile: 2, BatchSize: -1})
		require.NoError(t, err)
		assert.NotPanics(t, func() { _ = s.Sample(t.Context(), gaussian, slices.Clone(x), []float64{3, 1, 0}, silence) }, class)
	}
	for _, err := range (&sampler.Run{}).Steps(t.Context()) {
		assert.Error(t, err)
	}
}

// A thousand steps end well with every sampler, on its class's levels where these allow
// as many and on named ones.
func TestThousandSteps(t *testing.T) {
	sd, err := scheduler.ParseConfig([]byte(`{"_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
		"beta_schedule": "scaled_linear", "skip_prk_steps": true, "set_alpha_to_one": false, "steps_offset": 1, "timestep_spacing": "leading"}`))
	require.NoError(t, err)
	for _, info := range sampler.Names() {
		if testing.Short() && info.Name == "repaint" {
			continue // ten thousand calls
		}
		config, err := sd.As(info.Class)
		require.NoError(t, err)
		config.SkipPRKSteps = info.Name != "pndm"
		for schedule, steps := range map[string]int{"": 998, "karras_full": 1000, "normal": 1000} {
			if strings.HasSuffix(info.Name, "lcm") || info.Name == "tcd" {
				steps = 50
			}
			s, err := config.ScheduleNamed(schedule, steps)
			if info.Name == "pndm" && schedule != "" {
				assert.ErrorContains(t, err, "skip_prk_steps")
				continue
			}
			require.NoError(t, err, "%s %q", info.Name, schedule)
			chosen, err := sampler.Named(info.Name, sampler.Solver(s.Solver))
			require.NoError(t, err)
			run := &sampler.Run{Sampler: chosen, Sigmas: s.Sigmas, X: []float32{float32(s.InitNoiseSigma), -3}, Forget: true,
				Noise: func() sampler.Noise { return sampler.NewTorch(1).Normal },
				Denoise: func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
					est, err := gaussian(ctx, x, sigma)
					est.Uncond = est.Denoised
					return est, err
				}}
			var last sampler.Step
			for step, err := range run.Steps(t.Context()) {
				if !assert.NoError(t, err, "%s %q", info.Name, schedule) {
					break
				}
				last = step
			}
			assert.Equal(t, steps, last.Index, "%s %q", info.Name, schedule)
		}
	}
}
