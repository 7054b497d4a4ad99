package sampler_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

func TestBadInput(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, s := range all(t) {
		t.Run(name, func(t *testing.T) {
			if _, ok := s.(sampler.PNDM); ok {
				err := s.Sample(context.Background(), gaussian, []float32{1}, []float64{3, 2, 1}, silence)
				assert.ErrorContains(t, err, "have 3 sigmas, want more than 13")
				return
			}
			for _, tt := range []struct {
				want   string
				sigmas []float64
			}{
				{"have 0 sigmas", nil},
				{"have 1 sigmas", []float64{3}},
				{"sigma 1 is 4 after 3", []float64{3, 4, 0}},
				{"sigma 3 is 3 after 3", []float64{5, 4, 3, 3, 0}},
				{"sigma 1 is -1", []float64{3, -1}},
				{"sigma 0 is NaN", []float64{nan, 1, 0}},
				{"sigma 0 is +Inf", []float64{inf, 1, 0}},
				{"sigma 0 is 0", []float64{0, 0}},
			} {
				err := s.Sample(context.Background(), gaussian, []float32{1}, tt.sigmas, silence)
				assert.ErrorContains(t, err, tt.want)
			}
			sigmas := levels(s)
			assert.ErrorContains(t, s.Sample(context.Background(), gaussian, nil, sigmas, silence), "x is empty")
			assert.ErrorContains(t, s.Sample(context.Background(), nil, []float32{1}, sigmas, silence), "no Denoiser")
			assert.ErrorContains(t, s.Sample(context.Background(), gaussian, []float32{1, float32(nan)}, sigmas, silence), "x[1] is NaN")
		})
	}
}

func TestBadOptions(t *testing.T) {
	eta := 1.5
	for want, s := range map[string]sampler.Sampler{
		"ddim: eta: have 2":              sampler.DDIM{Eta: 2},
		"ddim: eta: have NaN":            sampler.DDIM{Eta: math.NaN()},
		"euler_ancestral: eta: have 1.5": sampler.EulerAncestral{Eta: &eta},
		"order: have 4":                  sampler.DPMSolver{Order: 4},
		"order: have -1":                 sampler.DPMSolver{Order: -1},
		"clip: have -1":                  sampler.DDIM{Limit: sampler.Limit{Clip: -1}},
		"quantile: have 2":               sampler.DDIM{Limit: sampler.Limit{Quantile: 2}},
		"max value: have 0.5":            sampler.DDIM{Limit: sampler.Limit{Quantile: 0.9, MaxValue: 0.5}},
		"batch of 2":                     sampler.DDIM{Limit: sampler.Limit{Quantile: 0.9, Batch: 2}},
		"have 1 levels":                  sampler.DDIM{To: []float64{1}},
		"only one of From and To":        sampler.PLMS{To: []float64{5, 2, 1, 0.5, 0}},
		"ipndm: order: have 5":           sampler.IPNDM{Order: 5},
		"stages: have 4":                 sampler.ERSDE{Stages: 4},
		"gamma: have NaN":                sampler.GradientEstimation{Gamma: math.NaN()},
		"restart: have -1 times":         sampler.Restart{Times: -1},
		"res_multistep: eta: have 2":     sampler.ResMultistep{Eta: 2},
		"lms: order: have 5":             sampler.LMS{Order: 5},
		"res_2s: eta: have -1":           sampler.Res2S{Eta: -1},
		"seeds_2: eta: have 1.5":         sampler.SEEDS2{Eta: &eta},
		"seeds_3: eta: have 1.5":         sampler.SEEDS3{Eta: &eta},
		"seeds_2: r: have 2":             sampler.SEEDS2{R: 2},
		"heunpp2: churn: have -1":        sampler.HeunPP2{Churn: sampler.Churn{S: -1}},
		"repaint: eta: have NaN":         sampler.RePaint{Eta: math.NaN()},
		"have 1 resamples by jumps of -": sampler.RePaint{Jump: -1, Resamples: 1},
		"have 1001 resamples by jumps":   sampler.RePaint{Resamples: 1001},
		"unipc: end: have NaN":           sampler.UniPC{End: math.NaN()},
		"unipc: order: have 4":           sampler.UniPC{Order: 4},
		"deis: order: have -2":           sampler.DEIS{Order: -2},
		"have order 2, SDE true":         sampler.DPMSinglestep{SDE: true, Epsilon: true},
		"have orders [1 2]":              sampler.DPMSinglestep{Orders: []int{1, 2}},
		"r: have 2":                      sampler.DPMPPSDE{R: 2},
		"dpm_adaptive: order: have 4":    sampler.DPMAdaptive{Order: 4},
		"rtol: have -1":                  sampler.DPMAdaptive{RTol: -1},
		"churn: have -1":                 sampler.Heun{Churn: sampler.Churn{S: -1}},
		"tcd: eta: have 2":               sampler.TCD{Gamma: 2},
		"tcd: have 0 timesteps":          sampler.TCD{Levels: []float64{1}},
		"lcm: have 1 timesteps":          sampler.LCM{Timesteps: []float64{1}},
	} {
		err := s.Sample(context.Background(), gaussian, []float32{1, 2, 3}, []float64{10, 5, 2, 1, 0.5, 0}, silence)
		assert.ErrorContains(t, err, want)
	}
	for _, s := range []sampler.Sampler{sampler.EulerAncestral{}, sampler.DDIM{Eta: 0.1}, sampler.ERSDE{}, sampler.ResMultistep{Eta: 1}, sampler.Restart{Times: 1, Low: 0.3, High: 5}, sampler.DPMSolver{SDE: true},
		sampler.LCM{}, sampler.DDPM{}, sampler.TCD{Gamma: 0.1}, sampler.Euler{Churn: sampler.Churn{S: 1}}, sampler.DPMPPSDE{}, sampler.DPMSinglestep{SDE: true},
		sampler.SEEDS2{}, sampler.SEEDS3{}, sampler.Res2S{Eta: 1}, sampler.RePaint{Jump: 2}, sampler.HeunPP2{Churn: sampler.Churn{S: 1}}} {
		assert.ErrorContains(t, s.Sample(context.Background(), gaussian, []float32{1}, levels(s), nil), "have no Noise")
	}
}

// A Denoiser's failure, a bad estimate and a cancelled context stop a run and say
// at which step.
func TestStops(t *testing.T) {
	broken := errors.New("broken")
	tests := map[string]struct {
		denoised []float32
		err      error
		want     string
	}{
		"error":    {nil, broken, "broken"},
		"NaN":      {[]float32{0, float32(math.NaN())}, nil, "returned NaN at index 1"},
		"infinity": {[]float32{float32(math.Inf(-1)), 0}, nil, "returned -Inf at index 0"},
		"length":   {[]float32{0}, nil, "returned 1 values, want 2"},
	}
	for name, s := range all(t) {
		for what, tt := range tests {
			t.Run(name+"/"+what, func(t *testing.T) {
				calls := 0
				denoise := func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
					if calls++; calls == 4 {
						return sampler.Estimate{Denoised: tt.denoised}, tt.err
					}
					return gaussian(ctx, x, sigma)
				}
				err := s.Sample(context.Background(), denoise, []float32{1, 2}, levels(s), silence)
				var step *sampler.StepError
				require.ErrorAs(t, err, &step)
				assert.Positive(t, step.Step)
				assert.Positive(t, step.Sigma)
				assert.ErrorContains(t, err, tt.want)
			})
		}
		t.Run(name+"/cancelled", func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			calls := 0
			denoise := func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
				if calls++; calls == 2 {
					cancel()
				}
				return gaussian(ctx, x, sigma)
			}
			err := s.Sample(ctx, denoise, []float32{1}, levels(s), silence)
			assert.ErrorIs(t, err, context.Canceled)
			assert.Equal(t, 2, calls)
		})
	}
}
