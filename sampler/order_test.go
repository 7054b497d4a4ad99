package sampler_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

var withoutNoise = sampler.Tau{Value: new(float64)}

// orders of convergence of the solvers of the ODE.
var orders = []struct {
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
	{"sa_solver 1 1", sampler.SASolver{PredictorOrder: 1, CorrectorOrder: 1, Tau: withoutNoise}, 1},
	{"sa_solver 1 2", sampler.SASolver{PredictorOrder: 1, Tau: withoutNoise}, 2}, // the corrector has the order of its estimates
	{"sa_solver 2 2 simple", sampler.SASolver{SimpleOrder2: true, Tau: withoutNoise}, 2},
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

func TestOrder(t *testing.T) {
	for _, tt := range orders {
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
