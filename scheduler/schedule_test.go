package scheduler_test

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/scheduler"
)

// Levels without a timestep are an error: those of a curve over a table that begins
// without noise, whose logarithm is infinite, and a level of zero in a model of log σ.
func TestNoNoiseAtFirst(t *testing.T) {
	for _, class := range scheduler.Classes() {
		c, err := scheduler.NewConfig(class)
		require.NoError(t, err)
		if strings.HasPrefix(class, "EDM") || strings.HasPrefix(class, "FlowMatch") {
			continue
		}
		c.BetaStart, c.SkipPRKSteps = 0, true
		_, err = c.ScheduleNamed("karras_full", 7)
		assert.ErrorContains(t, err, "is not a number", class)
	}
	c := parse(t, `{"_class_name": "FlowMatchEulerDiscreteScheduler", "shift_terminal": 0.5}`)
	_, err := c.Schedule(1)
	assert.ErrorContains(t, err, "scheduler: FlowMatchEulerDiscreteScheduler: ")
	c = parse(t, `{"_class_name": "EDMEulerScheduler", "sigma_min": 1e-300}`)
	_, err = c.Schedule(7)
	assert.ErrorContains(t, err, "sigma 6 is 0, want it finite and positive")
}

func TestScheduleRefuses(t *testing.T) {
	c := parse(t, sd15)
	for _, steps := range []int{-1, 0, 1001, 10_000} {
		_, err := c.Schedule(steps)
		assert.ErrorContains(t, err, "want 1 to num_train_timesteps = 1000", steps)
	}
	_, err := c.Schedule(1000)
	assert.ErrorContains(t, err, "reach timestep 1000, want 0 to 999; 999 steps would do", "leading with an offset")

	zero := parse(t, `{"_class_name": "DDIMScheduler", "rescale_betas_zero_snr": true, "timestep_spacing": "trailing"}`)
	_, err = zero.Schedule(10)
	assert.ErrorContains(t, err, "timestep 999 has no signal left")

	flat := parse(t, `{"_class_name": "DPMSolverMultistepScheduler", "timestep_spacing": "leading"}`)
	_, err = flat.Schedule(1000)
	assert.ErrorContains(t, err, "want a lower one")
	assert.ErrorContains(t, err, "; 999 steps would do", "999 levels and one that is left out")

	clipped := parse(t, `{"_class_name": "DPMSolverMultistepScheduler", "timestep_spacing": "trailing", "lambda_min_clipped": 20}`)
	_, err = clipped.Schedule(10)
	assert.ErrorContains(t, err, "lambda_min_clipped")
}

// The times at which diffusers' pipelines called their U-Net, whole and from a
// strength on.
func TestPipelineTimesteps(t *testing.T) {
	data, err := os.ReadFile("testdata/pipelines.json")
	require.NoError(t, err)
	var cases []struct {
		Name      string          `json:"name"`
		Config    json.RawMessage `json:"config"`
		Steps     int             `json:"steps"`
		Strength  float64         `json:"strength"`
		Timesteps []float64       `json:"timesteps"`
	}
	require.NoError(t, json.Unmarshal(data, &cases))
	require.NotEmpty(t, cases)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			s, err := parse(t, string(c.Config)).Schedule(c.Steps)
			require.NoError(t, err)
			if c.Strength > 0 {
				s, err = s.Tail(c.Strength)
				require.NoError(t, err)
			}
			assert.InDeltaSlice(t, c.Timesteps, s.Timesteps, 1e-4)
		})
	}
}

// Nothing in the package panics on a value that no constructor made.
func TestZeroValues(t *testing.T) {
	for _, c := range []*scheduler.Config{nil, {}, {Class: "DDIMScheduler"}, {Class: "DDIMScheduler", NumTrainTimesteps: math.MaxInt, BetaSchedule: "linear"},
		{Class: "EulerDiscreteScheduler", NumTrainTimesteps: 2, TrainedBetas: make([]float64, 3)}} {
		_, err := c.Schedule(1)
		assert.ErrorContains(t, err, "scheduler: ")
		_, err = c.ScheduleNamed("karras", 1)
		assert.ErrorContains(t, err, "scheduler: ")
		_, err = c.Custom([]float64{1, 0})
		assert.ErrorContains(t, err, "scheduler: ")
		_, err = c.Betas()
		assert.ErrorContains(t, err, "scheduler: ")
		assert.Nil(t, c.AlphaBar())
		if _, err = c.As("LMSDiscreteScheduler"); c == nil || c.NumTrainTimesteps > 0 {
			assert.ErrorContains(t, err, "scheduler: ")
		}
		c.Keys()
	}
	for _, s := range []*scheduler.Schedule{nil, {}, {Timesteps: []float64{1, 2}}, {Sigmas: []float64{2, 1}}} {
		_, err := s.DiscardPenultimate()
		assert.ErrorContains(t, err, "scheduler: ")
		assert.Zero(t, s.Steps())
		assert.True(t, math.IsNaN(s.Timestep(3)))
		for _, strength := range []float64{0.5, 1} {
			_, err = s.Tail(strength)
			assert.ErrorContains(t, err, "scheduler: ")
		}
	}
}

// Where DDIM's stride misses the next timestep, the schedule says where each step
// goes.
func TestStride(t *testing.T) {
	c := parse(t, `{"_class_name": "DDIMScheduler", "timestep_spacing": "trailing"}`)
	s, err := c.Schedule(6)
	require.NoError(t, err)
	assert.Equal(t, []float64{999, 832, 666, 499, 332, 166}, s.Timesteps)
	require.Len(t, s.Solver.To, 6)
	alphaBar := c.AlphaBar()
	for i, timestep := range []int{833, 666, 500, 333, 166, 0} {
		assert.InEpsilon(t, math.Sqrt((1-alphaBar[timestep])/alphaBar[timestep]), s.Solver.To[i], 1e-12)
	}
	assert.Equal(t, s.Solver.To[5], s.Sigmas[6])
	tail, err := s.Tail(0.5)
	require.NoError(t, err)
	assert.Equal(t, s.Solver.To[3:], tail.Solver.To)

	s, err = c.Schedule(10)
	require.NoError(t, err)
	assert.Nil(t, s.Solver.To)
	assert.Zero(t, s.Sigmas[10])
}

// With zero terminal SNR diffusers bounds the last sigma to 4096, which betas that
// rise linearly pass before. The run still begins at the last timestep.
func TestZeroSNRBeginsAtTheEnd(t *testing.T) {
	s, err := parse(t, `{"_class_name": "DPMSolverMultistepScheduler", "rescale_betas_zero_snr": true,
		"prediction_type": "v_prediction", "use_lu_lambdas": true}`).Schedule(7)
	require.NoError(t, err)
	assert.Equal(t, []float64{999, 970, 856, 600, 204, 22, 0}, s.Timesteps)
}

// The curve of this config ends a rounding below the lowest level.
func TestCurveEndsAtTheLowestLevel(t *testing.T) {
	s, err := parse(t, `{"_class_name": "DPMSolverMultistepScheduler", "beta_start": 0.001, "beta_schedule": "scaled_linear",
		"use_lu_lambdas": true, "final_sigmas_type": "sigma_min"}`).Schedule(20)
	require.NoError(t, err)
	assert.Equal(t, s.Sigmas[19], s.Sigmas[20])
}

func TestTimestepInterpolates(t *testing.T) {
	c := parse(t, sd15)
	s, err := c.Schedule(10)
	require.NoError(t, err)
	alphaBar := c.AlphaBar()
	sigma := func(i int) float64 { return math.Sqrt((1 - alphaBar[i]) / alphaBar[i]) }
	assert.Equal(t, 901.0, s.Timestep(s.Sigmas[0]))
	assert.InDelta(t, 500, s.Timestep(sigma(500)), 1e-3)
	assert.InDelta(t, 500.5, s.Timestep(math.Sqrt(sigma(500)*sigma(501))), 1e-3)
	assert.Equal(t, 0.0, s.Timestep(1e-9))
	assert.Equal(t, 999.0, s.Timestep(1e9))
}
