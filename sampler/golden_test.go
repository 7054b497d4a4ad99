package sampler_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/sampler"
	"sdgo/scheduler"
)

// trajectoryTolerance bounds each error relative to the largest value of the
// state. Both sides compute in float32.
const trajectoryTolerance = 1e-5

type trajectory struct {
	Label  string         `json:"label"`
	Class  string         `json:"class"`
	Config map[string]any `json:"config"`
	Steps  int            `json:"n"`
	Start  int            `json:"start"`
	Step   struct {
		Eta                   float64 `json:"eta"`
		UseClippedModelOutput bool    `json:"use_clipped_model_output"`
		Order                 int     `json:"order"`
		SChurn                float64 `json:"s_churn"`
		STMin                 float64 `json:"s_tmin"`
		STMax                 float64 `json:"s_tmax"`
		SNoise                float64 `json:"s_noise"`
	} `json:"step_kwargs"`
}

func (c trajectory) schedule(t testing.TB) *scheduler.Schedule {
	t.Helper()
	keys := map[string]any{"_class_name": c.Class}
	for k, v := range c.Config {
		keys[k] = v
	}
	raw, err := json.Marshal(keys)
	require.NoError(t, err)
	config, err := scheduler.ParseConfig(raw)
	require.NoError(t, err)
	s, err := config.Schedule(c.Steps)
	require.NoError(t, err)
	if c.Start > 0 {
		s, err = s.Tail(1 - float64(c.Start)/float64(c.Steps))
		require.NoError(t, err)
	}
	return s
}

// sigmaSpace says whether the class keeps x₀ + σ·ε itself.
func (c trajectory) sigmaSpace() bool {
	switch c.Class {
	case "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "LMSDiscreteScheduler", "HeunDiscreteScheduler",
		"KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "DPMSolverSDEScheduler",
		"EDMEulerScheduler", "EDMDPMSolverMultistepScheduler":
		return true
	}
	return false
}

// closedFormModel is the model of the reference's runs, as a Denoiser: its output
// for the scaled input x is x·a·cos(w·t/1000) + b·sin x.
func closedFormModel(s *scheduler.Schedule) sampler.Denoiser {
	const a, w, b = 0.3, 3.0, 0.1
	return func(_ context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		denoised := make([]float32, len(x))
		c := float64(float32(a * math.Cos(s.Timestep(sigma)/1000*w)))
		norm := math.Sqrt(1 + sigma*sigma)
		skip, out := 0.0, 0.0
		if data := s.SigmaData; data > 0 {
			norm = math.Sqrt(sigma*sigma + data*data)
			skip, out = data*data/(norm*norm), sigma*data/norm
		}
		if s.Flow {
			norm = 1 + sigma
		}
		for i, v := range x {
			input := float64(float32(float64(v) / norm))
			output := float64(float32(input*c + b*math.Sin(input)))
			switch {
			case s.SigmaData > 0:
				denoised[i] = float32(skip*float64(v) + out*output)
			case s.Prediction == "epsilon":
				denoised[i] = float32(float64(v) - sigma*output)
			case s.Prediction == "v_prediction":
				denoised[i] = float32(input/norm - output*sigma/norm)
			case s.Flow:
				denoised[i] = float32(input - sigma/norm*output)
			case s.Prediction == "sample":
				denoised[i] = float32(output)
			}
		}
		return sampler.Estimate{Denoised: denoised}, nil
	}
}

// replay is a Noise that plays back recorded tensors.
func replay(t testing.TB, recorded golden.Tensor) sampler.Noise {
	next := 0
	return func(dst []float32) {
		if !assert.NotEmpty(t, recorded.Shape, "the reference draws no noise") || !assert.Less(t, next, recorded.Shape[0], "more noise than the reference draws") {
			return
		}
		for i, v := range recorded.Row(next) {
			dst[i] = float32(v)
		}
		next++
	}
}

// assertState compares a state with a row of the reference, by the largest error
// relative to the largest value. rounding is added to the bound: the reference
// gets a state as the difference of two numbers of the size of the one before,
// which for a step from sigma 4096 leaves it with fewer digits.
func assertState(t testing.TB, what string, want []float64, have []float32, scale, rounding float64) {
	t.Helper()
	require.Len(t, have, len(want), what)
	worst, at := 0.0, 0
	for i, w := range want {
		if e := math.Abs(float64(have[i])*scale - w); !(e <= worst) {
			worst, at = e, i
		}
	}
	assert.LessOrEqual(t, worst, trajectoryTolerance*largest(want)+rounding, "%s: value %d: have %g, want %g", what, at, float64(have[at])*scale, want[at])
}

func largest(values []float64) float64 {
	m := 0.0
	for _, v := range values {
		m = math.Max(m, math.Abs(v))
	}
	return m
}

// Whole runs of diffusers' schedulers, state by state.
func TestTrajectories(t *testing.T) {
	var cases []trajectory
	golden.JSON(t, "testdata/trajectories.json.gz", &cases)
	tensors := golden.Tensors(t, "testdata/trajectories.safetensors")
	ran := map[string]int{}
	for _, c := range cases {
		if !runs(c) {
			continue
		}
		ran[c.Class]++
		t.Run(c.Label, func(t *testing.T) {
			s := c.schedule(t)
			s.Solver.Eta, s.Solver.ClippedEps = c.Step.Eta, c.Step.UseClippedModelOutput
			s.Solver.Churn, s.Solver.ChurnMin, s.Solver.ChurnMax, s.Solver.SNoise = c.Step.SChurn, c.Step.STMin, c.Step.STMax, c.Step.SNoise
			if c.Step.Order > 0 {
				s.Solver.Order = c.Step.Order
			}
			run, err := sampler.FromSolver(sampler.Solver(s.Solver))
			require.NoError(t, err)

			want := tensors[c.Label+".x"]
			// the reference's latents are x scaled to unit variance, in some classes
			unit := func(sigma float64) float64 {
				if s.Flow {
					return 1 / (1 + sigma)
				}
				if c.sigmaSpace() {
					return 1
				}
				return 1 / math.Sqrt(1+sigma*sigma)
			}
			x := make([]float32, want.Shape[1])
			for i, v := range want.Row(0) {
				x[i] = float32(v / unit(s.Sigmas[0]))
			}
			model := closedFormModel(s)
			calls := 0
			denoise := func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
				assertState(t, fmt.Sprintf("before call %d", calls), want.Row(calls), x, unit(sigma), rounding(want, calls))
				calls++
				return model(ctx, x, sigma)
			}
			require.NoError(t, run.Sample(context.Background(), denoise, x, s.Sigmas, replay(t, tensors[c.Label+".noise"])))
			assert.Equal(t, want.Shape[0]-1, calls, "model calls")
			last := s.Sigmas[len(s.Sigmas)-1]
			assertState(t, "at the end", want.Row(calls), x, unit(last), rounding(want, calls))
		})
	}
	for _, class := range scheduler.Classes() {
		assert.NotZero(t, ran[class], "no case of %s", class)
	}
}

// rounding is the float32 rounding of the largest value of the state before i.
func rounding(states golden.Tensor, i int) float64 {
	return largest(states.Row(max(i-1, 0))) / (1 << 24)
}

// runs says whether we have what the case needs.
func runs(c trajectory) bool {
	for _, class := range scheduler.Classes() {
		if class == c.Class {
			return c.Label != "unipc_2_bh1" && c.Label != "unipc_2_no_lof" // NaN in the reference
		}
	}
	return false
}
