package sampler_test

import (
	"context"
	"iter"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

func indices(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// gaussian is the ideal denoiser for data drawn from N(0, 1). To a sampler of CFG++
// it gives half of the estimate as the unconditional one.
func gaussian(_ context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
	denoised := make([]float32, len(x))
	for i, v := range x {
		denoised[i] = float32(float64(v) / (1 + sigma*sigma))
	}
	unguided := make([]float32, len(x))
	for i, v := range denoised {
		unguided[i] = v / 2
	}
	return sampler.Estimate{Denoised: denoised, Uncond: unguided}, nil
}

// logLevels are steps+1 levels evenly spaced in log σ.
func logLevels(high, low float64, steps int) []float64 {
	sigmas := make([]float64, steps+1)
	for i := range sigmas {
		sigmas[i] = high * math.Pow(low/high, float64(i)/float64(steps))
	}
	return sigmas
}

// For data drawn from N(0, 1) the ODE has the closed solution x(σ) ∝ √(1+σ²), so
// a sampler's error is known exactly.
func gaussianError(t *testing.T, s sampler.Sampler, steps int) float64 {
	t.Helper()
	sigmas := logLevels(40, 0.1, steps)
	norm := func(sigma float64) float64 { return math.Sqrt(1 + sigma*sigma) }
	switch s.(type) {
	case sampler.PLMS:
		sigmas = slices.Insert(sigmas, 1, sigmas[1])
	case sampler.PNDM: // the first three steps in four calls each
		var first []float64
		for i := range 3 {
			middle := math.Sqrt(sigmas[i] * sigmas[i+1])
			first = append(first, sigmas[i], middle, middle, sigmas[i+1])
		}
		sigmas = append(first, sigmas[3:]...)
	}
	x := []float32{float32(norm(sigmas[0]))}
	start := float64(x[0]) / norm(sigmas[0])
	require.NoError(t, s.Sample(context.Background(), gaussian, x, sigmas, func(dst []float32) { clear(dst) }))
	return math.Abs(float64(x[0])/norm(sigmas[len(sigmas)-1])/start - 1)
}

func TestOrder(t *testing.T) {
	ode := sampler.Tau{Value: new(float64)}
	tests := []struct {
		name    string
		sampler sampler.Sampler
		order   float64 // the error shrinks as steps^-order
	}{
		{"euler", sampler.Euler{}, 1},
		{"ddim", sampler.DDIM{}, 1},
		{"plms", sampler.PLMS{}, 2}, // its coefficients are those of even steps in σ
		{"dpmpp_2m", sampler.DPMPP2M{}, 2},
		{"dpmpp order 1", sampler.DPMSolver{Order: 1}, 1},
		{"dpmpp order 2", sampler.DPMSolver{}, 2},
		{"dpmpp order 2 heun", sampler.DPMSolver{Heun: true}, 2},
		{"dpmpp order 3", sampler.DPMSolver{Order: 3}, 2}, // see its comment
		{"pndm", sampler.PNDM{}, 2},                       // likewise
		{"singlestep 1", sampler.DPMSinglestep{Order: 1}, 1},
		{"singlestep 2", sampler.DPMSinglestep{}, 2},
		{"singlestep 2 heun", sampler.DPMSinglestep{Heun: true}, 2},
		{"singlestep 2 epsilon", sampler.DPMSinglestep{Epsilon: true}, 2},
		{"deis 2", sampler.DEIS{}, 2},
		{"deis 3", sampler.DEIS{Order: 3}, 3},
		{"deis 2 over time", sampler.DEIS{Time: true}, 2},
		{"deis 3 over time", sampler.DEIS{Order: 3, Time: true}, 3},
		{"unipc 1", sampler.UniPC{Order: 1}, 2}, // the corrector adds one
		{"unipc 2", sampler.UniPC{}, 3},
		{"unipc 3", sampler.UniPC{Order: 3}, 4},
		{"unipc 2 without corrector", sampler.UniPC{DisableCorrector: slices.Collect(indices(100))}, 2},
		{"unipc 2 bh1", sampler.UniPC{BH1: true}, 3},
		{"unipc 2 epsilon", sampler.UniPC{Epsilon: true}, 3},
		{"sa_solver 1 1", sampler.SASolver{PredictorOrder: 1, CorrectorOrder: 1, Tau: ode}, 1},
		{"sa_solver 1 2", sampler.SASolver{PredictorOrder: 1, Tau: ode}, 2}, // the corrector has the order of its estimates
		{"sa_solver 2 2 simple", sampler.SASolver{SimpleOrder2: true, Tau: ode}, 2},
		{"ipndm", sampler.IPNDM{}, 2}, // its coefficients are those of even steps in σ
		{"ipndm_v order 2", sampler.IPNDM{Order: 2, Variable: true}, 2},
		{"ipndm_v", sampler.IPNDM{Variable: true}, 2.6}, // on the way to 3: see its comment
		{"res_multistep", sampler.ResMultistep{}, 2},
		{"res_2s", sampler.Res2S{}, 2},
		{"exp_heun_2_x0", sampler.SEEDS2{Eta: new(float64), R: 1, Phi2: true}, 2},
		{"seeds_2 eta 0", sampler.SEEDS2{Eta: new(float64)}, 2},
		{"seeds_2 eta 0 phi_2", sampler.SEEDS2{Eta: new(float64), R: 0.4, Phi2: true}, 2},
		{"repaint without resampling", sampler.RePaint{Resamples: 1}, 1},
		{"heunpp2", sampler.HeunPP2{}, 1},
		{"dpmpp_2m_v2", sampler.DPMPP2MV2{}, 2}, // on even steps in λ, as these are
		{"gradient_estimation", sampler.GradientEstimation{}, 1},
		{"restart without restarts", sampler.Restart{}, 2},
		{"heun", sampler.Heun{}, 2},
		{"dpm2", sampler.DPM2{}, 2},
		{"lms order 1", sampler.LMS{Order: 1}, 1},
		{"lms order 2", sampler.LMS{Order: 2}, 2},
		{"lms order 3", sampler.LMS{Order: 3}, 3},
		{"dpm_fast", sampler.DPMFast{}, 2}, // of third order but for its last two steps
		{"dpmpp_2s", sampler.DPMPP2SAncestral{Eta: new(float64)}, 2},
		{"dpmpp_sde eta 0", sampler.DPMPPSDE{Eta: new(float64)}, 2},
		{"dpmpp_2m_sde eta 0", sampler.DPMPP2MSDE{Eta: new(float64)}, 2},
		{"dpmpp_2m_sde_heun eta 0", sampler.DPMPP2MSDE{Eta: new(float64), Heun: true}, 2},
		{"dpmpp_3m_sde eta 0", sampler.DPMPP3MSDE{Eta: new(float64)}, 2}, // see its comment
		{"dpm order 1", sampler.DPMSolver{Order: 1, Epsilon: true}, 1},
		{"dpm order 2", sampler.DPMSolver{Epsilon: true}, 2},
		{"dpm order 2 heun", sampler.DPMSolver{Epsilon: true, Heun: true}, 2},
		{"dpm order 3", sampler.DPMSolver{Order: 3, Epsilon: true}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e1, e2 := gaussianError(t, tt.sampler, 48), gaussianError(t, tt.sampler, 96)
			order := math.Log2(e1 / e2)
			assert.InDelta(t, tt.order, order, 0.3, "errors %g and %g", e1, e2)
		})
	}
}

// Three levels make a step of order three, as long as the last steps are not cut.
func TestSinglestepOrderThree(t *testing.T) {
	for name, s := range map[string]sampler.DPMSinglestep{"x0": {Order: 3, Heun: true}, "noise": {Order: 3, Epsilon: true}} {
		var errors [2]float64
		for i, steps := range []int{48, 96} {
			s.Orders = slices.Repeat([]int{1, 2, 3}, steps/3)
			errors[i] = gaussianError(t, s, steps)
		}
		assert.InDelta(t, 3, math.Log2(errors[0]/errors[1]), 0.4, "%s: %v", name, errors)
	}
}

// Three stages make a step of order three, until rounding shows at about 1e-6.
func TestSEEDS3Order(t *testing.T) {
	s := sampler.SEEDS3{Eta: new(float64)}
	e1, e2 := gaussianError(t, s, 24), gaussianError(t, s, 48)
	assert.InDelta(t, 3, math.Log2(e1/e2), 0.3, "errors %g and %g", e1, e2)
}

// The sampler of CFG++ that has no plain twin changes the slope s by σ/10·ds/dσ
// along the path. Without guidance that ODE has a closed solution on Gaussian data,
// x ∝ (1 + σ²)/√(1 + 0.9·σ²), to which it converges with order one.
func TestCFGPlusPlusAdamsOrder(t *testing.T) {
	unguided := func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		est, err := gaussian(ctx, x, sigma)
		est.Uncond = est.Denoised
		return est, err
	}
	var errors [2]float64
	for i, steps := range []int{48, 96} {
		x := []float32{40}
		require.NoError(t, sampler.CFGPlusPlusAdams{}.Sample(context.Background(), unguided, x, logLevels(40, 0.1, steps), nil))
		solution := func(sigma float64) float64 { return (1 + sigma*sigma) / math.Sqrt(1+0.9*sigma*sigma) }
		errors[i] = math.Abs(float64(x[0])/40/solution(0.1)*solution(40) - 1)
	}
	assert.InDelta(t, 1, math.Log2(errors[0]/errors[1]), 0.2, "%v", errors)
}

// Samplers that add noise must end with the data's mean and variance.
func TestStochasticMoments(t *testing.T) {
	half := 0.5
	constant := func(tau float64) sampler.Tau { return sampler.Tau{Func: func(float64) float64 { return tau }} }
	tests := []struct {
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
	for _, tt := range tests {
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

// Inversion leads to the x that sampling started from, the nearer the more steps.
func TestDDIMInverse(t *testing.T) {
	for s, order := range map[sampler.DDIMInverse]float64{{}: 1, {Ahead: true}: 2} { // ahead undoes Euler's steps in kind
		var errors [2]float64
		for k, steps := range []int{100, 200} {
			sigmas := append(logLevels(10, 0.01, steps), 0)
			x := []float32{5, -3}
			require.NoError(t, sampler.Euler{}.Sample(context.Background(), gaussian, x, sigmas, nil))
			slices.Reverse(sigmas)
			require.NoError(t, s.Sample(context.Background(), gaussian, x, sigmas, nil))
			errors[k] = math.Abs(float64(x[0])/5 - 1)
		}
		assert.Less(t, errors[0], 0.1)
		assert.InDelta(t, order, math.Log2(errors[0]/errors[1]), 0.3, "%+v: %v", s, errors)
	}
	for _, bad := range [][]float64{{1}, {2, 1}, {1, 1}, {-1, 1}, {0, math.Inf(1)}} {
		assert.Error(t, sampler.DDIMInverse{}.Sample(context.Background(), gaussian, []float32{1}, bad, nil))
	}
}

// DPM-Solver++ backwards and then forwards comes back with an error of its order.
func TestDPMSolverInverse(t *testing.T) {
	for order := 1; order <= 2; order++ {
		var errors [2]float64
		for k, steps := range []int{50, 100} {
			sigmas := logLevels(10, 0.05, steps)
			x := []float32{5, -3}
			require.NoError(t, sampler.DPMSolver{Order: order}.Sample(context.Background(), gaussian, x, sigmas, nil))
			slices.Reverse(sigmas)
			require.NoError(t, sampler.DPMSolver{Order: order, Inverse: true}.Sample(context.Background(), gaussian, x, sigmas, nil))
			errors[k] = math.Abs(float64(x[0])/5 - 1)
		}
		assert.InDelta(t, order, math.Log2(errors[0]/errors[1]), 0.3, "order %d: %v", order, errors)
	}
	for _, bad := range [][]float64{{1}, {2, 1}, {1, 1}, {-1, 1}, {0, 1}, {1, math.Inf(1)}} {
		assert.Error(t, sampler.DPMSolver{Inverse: true}.Sample(context.Background(), gaussian, []float32{1}, bad, nil))
	}
	assert.ErrorContains(t, sampler.DPMSolver{Inverse: true, SDE: true}.Sample(context.Background(), gaussian, []float32{1}, []float64{1, 2}, silence), "have SDE true")
}

// DPM-Solver++ backwards is diffusers' DPMSolverMultistepInverseScheduler: five steps
// of Stable Diffusion's levels, with latents of unit variance at both ends.
func TestDPMSolverInverseReference(t *testing.T) {
	sigmas := []float64{0.0291675348, 0.57166636, 1.16439164, 2.27646399, 5.08776522, 14.6146469}
	x, want := []float32{1.3, -0.4, 0.7}, []float64{0.168266671, -0.0535894336, 0.0930470115}
	unit := func(sigma float64) float64 { return 1 / math.Sqrt(1+sigma*sigma) }
	for i := range x {
		x[i] /= float32(unit(sigmas[0]))
	}
	model := func(_ context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		denoised := make([]float32, len(x))
		for i, v := range x {
			input := float64(v) * unit(sigma)
			denoised[i] = float32(float64(v) - sigma*(input*0.3*math.Cos(math.Log(sigma))+0.1*math.Sin(input)))
		}
		return sampler.Estimate{Denoised: denoised}, nil
	}
	require.NoError(t, sampler.DPMSolver{Inverse: true, LowerOrderFinal: true}.Sample(context.Background(), model, x, sigmas, nil))
	for i := range x {
		assert.InDelta(t, want[i], float64(x[i])*unit(sigmas[len(sigmas)-1]), 1e-5)
	}
}

// RePaint calls the model as often as its comment says, and its jumps are those of
// the reference: 7 levels by jumps of 3, at each of which it goes back once.
func TestRePaintJumps(t *testing.T) {
	var seen []float64
	denoise := func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		seen = append(seen, sigma)
		return gaussian(ctx, x, sigma)
	}
	require.NoError(t, sampler.RePaint{Jump: 3, Resamples: 2}.Sample(context.Background(), denoise, []float32{1}, []float64{7, 6, 5, 4, 3, 2, 1, 0}, silence))
	assert.Equal(t, []float64{7, 6, 5, 4, 6, 5, 4, 3, 2, 1, 3, 2, 1}, seen)

	seen = nil
	require.NoError(t, sampler.RePaint{}.Sample(context.Background(), denoise, []float32{1}, logLevels(10, 0.1, 25), silence))
	assert.Len(t, seen, 205)
}
