package sampler_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// With one estimate and τ = 1 the predictor is DPM-Solver++'s SDE of first order,
// and what the corrector does to it is known: it uses the estimate at the end.
func TestSASolverFirstOrder(t *testing.T) {
	sigmas := []float64{5, 2, 1}
	model := func(_ context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		return sampler.Estimate{Denoised: []float32{x[0] / float32(1+sigma*sigma)}}, nil
	}
	noise := func(dst []float32) { dst[0] = 0.7 }
	step := func(x, denoised, from, to float64) float64 {
		r := to / from
		return r*r*x + (1-r*r)*denoised + 0.7*to*math.Sqrt(1-r*r)
	}
	predicted := step(4, 4./26, 5, 2)
	corrected := step(4, predicted/5, 5, 2)
	want := step(corrected, predicted/5, 2, 1)
	wantPECE := step(corrected, corrected/5, 2, 1)

	one := sampler.Tau{Low: 1, High: 10} // its value is 1
	for pece, want := range map[bool]float64{false: want, true: wantPECE} {
		x := []float32{4}
		s := sampler.SASolver{PredictorOrder: 1, CorrectorOrder: 1, Tau: one, PECE: pece}
		require.NoError(t, s.Sample(t.Context(), model, x, sigmas, noise))
		assert.InEpsilon(t, want, x[0], 1e-6)
	}
}

// How much noise each step has, where the estimate is zero: x' = x·r^(1+τ²) +
// σ'·√(1−r^(2τ²)) times the noise, here 1, with r = σ'/σ.
func TestTau(t *testing.T) {
	half := 0.5
	sigmas := []float64{14, 5, 2, 0.6, 0.1, 0}
	tests := []struct {
		name string
		tau  sampler.Tau
		want []float64 // of the steps but the last
	}{
		{"at end, at the bounds", sampler.Tau{AtEnd: true, Low: 0.6, High: 2}, []float64{0, 1, 1, 0}},
		{"default", sampler.Tau{}, []float64{0, 1, 1, 1}},
		{"at end", sampler.Tau{AtEnd: true}, []float64{1, 1, 1, 0}},
		{"interval", sampler.Tau{Value: &half, Low: 2, High: 5}, []float64{0, half, half, 0}},
		{"no upper bound", sampler.Tau{Low: 2}, []float64{1, 1, 1, 0}},
		{"none", sampler.Tau{Value: new(float64)}, make([]float64, 4)},
		{"func", sampler.Tau{Func: func(sigma float64) float64 { return sigma / 10 }}, []float64{1.4, 0.5, 0.2, 0.06}},
		{"steps", sampler.Tau{Steps: []float64{0, 1, 0, half, 0}}, []float64{0, 1, 0, half}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			calls, want := 0, 3.0
			zero := func(_ context.Context, x []float32, _ float64) (sampler.Estimate, error) {
				if calls > 0 {
					r, tau := sigmas[calls]/sigmas[calls-1], tt.want[calls-1]
					want = want*math.Pow(r, 1+tau*tau) + sigmas[calls]*math.Sqrt(1-math.Pow(r, 2*tau*tau))
				}
				assert.InEpsilon(t, want, x[0], 1e-5, "before call %d", calls)
				calls++
				return sampler.Estimate{Denoised: []float32{0}}, nil
			}
			x := []float32{3}
			drawn := 0
			s := sampler.SASolver{PredictorOrder: 1, CorrectorOrder: 1, Tau: tt.tau}
			require.NoError(t, s.Sample(t.Context(), zero, x, sigmas, func(dst []float32) {
				drawn++
				dst[0] = 1
			}))
			assert.Zero(t, x[0])
			draws := 4 // for every step but that to zero
			if tt.tau.AtEnd {
				draws = 0
				for _, tau := range tt.want {
					draws += int(tau)
				}
			}
			assert.Equal(t, draws, drawn, "draws of noise")
		})
	}
}

// With two estimates both parts need more steps than the others to show their
// order, as the errors of the two nearly cancel on this problem.
func TestSASolverSecondOrder(t *testing.T) {
	for _, epsilon := range []bool{false, true} {
		s := sampler.SASolver{Epsilon: epsilon, Tau: sampler.Tau{Value: new(float64)}}
		e1, e2 := gaussianError(t, s, 192), gaussianError(t, s, 384)
		assert.InDelta(t, 2, math.Log2(e1/e2), 0.3, "errors %g and %g", e1, e2)
	}
}

func TestSASolverErrors(t *testing.T) {
	sigmas := []float64{2, 1, 0}
	noise := func(dst []float32) { clear(dst) }
	for want, s := range map[string]sampler.SASolver{
		"predictor order: have 5, want 1 to 4":               {PredictorOrder: 5},
		"corrector order: have -1, want 1 to 4":              {CorrectorOrder: -1},
		"have 1 values of tau, want one for each of 2 steps": {Tau: sampler.Tau{Steps: []float64{1}}},
		"tau of step 0: have -1, want 0 to 10":               {Tau: sampler.Tau{Func: func(float64) float64 { return -1 }}},
		"tau of step 1: have NaN, want 0 to 10":              {Tau: sampler.Tau{Steps: []float64{0, math.NaN()}}},
	} {
		assert.ErrorContains(t, s.Sample(t.Context(), gaussian, []float32{1}, sigmas, noise), want)
	}
	assert.ErrorContains(t, sampler.SASolver{}.Sample(t.Context(), gaussian, []float32{1}, sigmas, nil), "have no Noise")
	assert.NoError(t, sampler.SASolver{Tau: sampler.Tau{Value: new(float64)}}.Sample(t.Context(), gaussian, []float32{1}, sigmas, nil))
}
