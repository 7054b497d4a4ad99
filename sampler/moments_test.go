package sampler_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

var half = 0.5

func constant(tau float64) sampler.Tau {
	return sampler.Tau{Func: func(float64) float64 { return tau }}
}

// stochastic are samplers that add noise.
var stochastic = []struct {
	name    string
	sampler sampler.Sampler
}{
	{"euler_ancestral", sampler.EulerAncestral{}},
	{"euler_ancestral eta 0.5", sampler.EulerAncestral{Eta: &half}},
	{"ddim eta 1", sampler.DDIM{Eta: 1}},
	{"ddim eta 0.5", sampler.DDIM{Eta: 0.5}},
	{"sde-dpmpp order 1", sampler.DPMSolver{SDE: true, Order: 1}},
	{"sde-dpmpp order 2", sampler.DPMSolver{SDE: true}},
	{"sde-dpmpp order 2 heun", sampler.DPMSolver{SDE: true, Heun: true}},
	{"sde-dpmpp order 3", sampler.DPMSolver{SDE: true, Order: 3}},
	{"sde-dpm order 2", sampler.DPMSolver{SDE: true, Epsilon: true}},
	{"res_multistep", sampler.ResMultistep{Eta: 1}},
	{"res_multistep eta 0.5", sampler.ResMultistep{Eta: 0.5}},
	{"res_2s eta 1", sampler.Res2S{Eta: 1}},
	{"res_2s eta 0.5", sampler.Res2S{Eta: 0.5}},
	{"seeds_2", sampler.SEEDS2{}},
	{"seeds_2 eta 0.5", sampler.SEEDS2{Eta: &half, R: 0.4, Phi2: true}},
	{"exp_heun_2_x0_sde", sampler.SEEDS2{R: 1, Phi2: true}},
	{"seeds_3", sampler.SEEDS3{}},
	{"seeds_3 eta 0.5", sampler.SEEDS3{Eta: &half}},
	{"heunpp2 churn", sampler.HeunPP2{Churn: sampler.Churn{S: 10}}},
	{"repaint", sampler.RePaint{Resamples: 3}},
	{"repaint eta 1", sampler.RePaint{Jump: 20, Resamples: 2, Eta: 1}},
	{"er_sde", sampler.ERSDE{}},
	{"er_sde 1", sampler.ERSDE{Stages: 1}},
	{"sa_solver", sampler.SASolver{Tau: constant(1)}},
	{"sa_solver in the middle", sampler.SASolver{PredictorOrder: 3, CorrectorOrder: 4, Tau: sampler.Tau{AtEnd: true}}},
	{"sa_solver tau 0.5", sampler.SASolver{PredictorOrder: 3, CorrectorOrder: 3, Tau: constant(0.5)}},
	{"sa_solver tau 1.6", sampler.SASolver{SimpleOrder2: true, Tau: constant(1.6)}},
	{"sa_solver pece", sampler.SASolver{PredictorOrder: 3, CorrectorOrder: 4, PECE: true, LowerOrderFinal: true, Tau: constant(1)}},
	{"sa_solver epsilon", sampler.SASolver{Epsilon: true, Tau: constant(1)}},
	{"restart", sampler.Restart{}},
	{"restart twice", sampler.Restart{Times: 3, Low: 0.3, High: 5}},
	{"singlestep sde", sampler.DPMSinglestep{SDE: true}},
	{"ddpm", sampler.DDPM{}},
	{"ddpm large variance", sampler.DDPM{LargeVariance: true}},
	{"euler churn", sampler.Euler{Churn: sampler.Churn{S: 10}}},
	{"euler late churn", sampler.EulerLateChurn{Churn: sampler.Churn{S: 10}}},
	{"heun churn", sampler.Heun{Churn: sampler.Churn{S: 40}}},
	{"dpm2 churn", sampler.DPM2{Churn: sampler.Churn{S: 40}}},
	{"dpm2_ancestral", sampler.DPM2Ancestral{}},
	{"dpm2_ancestral eta 0.5", sampler.DPM2Ancestral{Eta: &half}},
	{"dpmpp_2s_ancestral", sampler.DPMPP2SAncestral{}},
	{"dpmpp_sde", sampler.DPMPPSDE{}},
	{"dpmpp_sde eta 0.5", sampler.DPMPPSDE{Eta: &half}},
	{"dpmpp_2m_sde", sampler.DPMPP2MSDE{}},
	{"dpmpp_2m_sde eta 0.5", sampler.DPMPP2MSDE{Eta: &half}},
	{"dpmpp_2m_sde_heun", sampler.DPMPP2MSDE{Heun: true}},
	{"dpmpp_3m_sde", sampler.DPMPP3MSDE{}},
}

// Samplers that add noise must end with the data's mean and variance.
func TestStochasticMoments(t *testing.T) {
	for _, tt := range stochastic {
		t.Run(tt.name, func(t *testing.T) {
			const n = 5_000
			sigmas := append(logLevels(40, 0.02, 200), 0)
			noise := sampler.NewTorch(1).Normal
			x := make([]float32, n)
			noise(x)
			for i := range x {
				x[i] *= float32(math.Sqrt(1 + sigmas[0]*sigmas[0]))
			}
			require.NoError(t, tt.sampler.Sample(context.Background(), gaussian, x, sigmas, noise))
			var sum, square float64
			for _, v := range x {
				sum += float64(v)
				square += float64(v) * float64(v)
			}
			// four standard errors, and 0.03 of variance for the steps' own error
			assert.InDelta(t, 0, sum/n, 4/math.Sqrt(n))
			assert.InDelta(t, 1, square/n, 4*math.Sqrt(2./n)+0.03)
		})
	}
}

// A consistency model maps x to the end of its path, here x/√(1+σ²) for data drawn
// from N(0, 1). Any few steps of LCM then give the data's distribution.
func TestLCMMoments(t *testing.T) {
	const n = 20_000
	consistency := func(_ context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		y := make([]float32, len(x))
		for i, v := range x {
			y[i] = v / float32(math.Sqrt(1+sigma*sigma))
		}
		return sampler.Estimate{Denoised: y}, nil
	}
	noise := sampler.NewTorch(1).Normal
	x := make([]float32, n)
	noise(x)
	for i := range x {
		x[i] *= float32(math.Sqrt(1 + 14*14))
	}
	require.NoError(t, sampler.LCM{}.Sample(context.Background(), consistency, x, []float64{14, 3, 0.7, 0}, noise))
	var sum, square float64
	for _, v := range x {
		sum += float64(v)
		square += float64(v) * float64(v)
	}
	assert.InDelta(t, 0, sum/n, 4/math.Sqrt(n))
	assert.InDelta(t, 1, square/n, 4*math.Sqrt(2./n))
}
