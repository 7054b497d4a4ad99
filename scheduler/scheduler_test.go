package scheduler_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/scheduler"
)

func parse(t *testing.T, data string) *scheduler.Config {
	t.Helper()
	c, err := scheduler.ParseConfig([]byte(data))
	require.NoError(t, err)
	return c
}

// The published file of Stable Diffusion v1.5, with its keys of no meaning.
const sd15 = `{
  "_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0",
  "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
  "num_train_timesteps": 1000, "set_alpha_to_one": false, "skip_prk_steps": true,
  "steps_offset": 1, "trained_betas": null, "clip_sample": false
}`

func TestParseConfig(t *testing.T) {
	c := parse(t, sd15)
	assert.Equal(t, "PNDMScheduler", c.Class)
	assert.Equal(t, "epsilon", c.PredictionType)
	assert.Equal(t, "leading", c.TimestepSpacing, "PNDM's default")
	assert.Equal(t, 1, c.StepsOffset)

	// each class has defaults of its own
	ddim := parse(t, `{"_class_name": "DDIMScheduler"}`)
	assert.True(t, ddim.ClipSample)
	assert.Equal(t, 0.0001, ddim.BetaStart)
	assert.Equal(t, "linspace", parse(t, `{"_class_name": "EulerDiscreteScheduler"}`).TimestepSpacing)

	// Python writes infinities that JSON does not have
	multistep := parse(t, `{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, "_note": "Infinity, \"NaN\""}`)
	assert.Nil(t, multistep.LambdaMinClipped)
	multistep = parse(t, `{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -5.1}`)
	assert.Equal(t, -5.1, *multistep.LambdaMinClipped)
}

func TestUnknownKeys(t *testing.T) {
	for data, want := range map[string][]string{
		`{"timestep_values": [1, 2], "timesteps": null, "tensor_format": "pt", "denoise_final": true, "new": null, "newer": false, "_note": 1}`: nil,
		`{"beta_shedule": "linear", "s": -Infinity, "last": NaN}`: {
			`the key "beta_shedule" is not known and was left out: have "linear"`,
			`the key "last" is not known and was left out: have NaN`,
		},
	} {
		c := parse(t, `{"_class_name": "DDIMScheduler", `+data[1:])
		assert.Equal(t, want, c.Warnings)
		assert.Equal(t, "linear", c.BetaSchedule)
	}
	c := parse(t, `{"_class_name": "DPMSolverSDEScheduler", "noise_sampler_seed": 4}`)
	assert.Equal(t, []string{"noise_sampler_seed: have 4, which was left out: each picture's own seed counts"}, c.Warnings)
}

// A pipeline says which class reads a file.
func TestParseClass(t *testing.T) {
	const saved = `{"_class_name": "PNDMScheduler", "_use_default_values": ["timestep_spacing", "steps_offset"],
		"beta_end": 0.012, "timestep_spacing": "leading", "steps_offset": 1, "skip_prk_steps": true}`
	c, err := scheduler.ParseClass("EulerDiscreteScheduler", []byte(saved))
	require.NoError(t, err)
	assert.Equal(t, "EulerDiscreteScheduler", c.Class)
	assert.Equal(t, 0.012, c.BetaEnd)
	assert.Equal(t, "linspace", c.TimestepSpacing, "the default of the class")
	assert.Zero(t, c.StepsOffset)
	assert.Equal(t, "leading", parse(t, saved).TimestepSpacing)

	c, err = scheduler.ParseClass("DDIMScheduler", []byte(`{"beta_end": 0.012}`))
	require.NoError(t, err)
	assert.Equal(t, "DDIMScheduler", c.Class)
	c, err = scheduler.ParseClass("", []byte(`{"_class_name": "DDIMScheduler"}`))
	require.NoError(t, err)
	assert.Equal(t, "DDIMScheduler", c.Class)
	for class, want := range map[string]string{
		"DDIMParallelScheduler": "DDIMScheduler", "DDPMParallelScheduler": "DDPMScheduler", "FlaxPNDMScheduler": "PNDMScheduler",
	} {
		c, err = scheduler.ParseClass(class, []byte(saved))
		require.NoError(t, err)
		assert.Equal(t, want, c.Class)
		c, err = scheduler.ParseConfig([]byte(`{"_class_name": "` + class + `"}`))
		require.NoError(t, err)
		assert.Equal(t, want, c.Class)
	}
	_, err = scheduler.ParseClass("", []byte(`{}`))
	assert.ErrorContains(t, err, "_class_name is missing")
	_, err = scheduler.ParseClass("NoSuchScheduler", []byte(`{"_class_name": "DDIMScheduler"}`))
	assert.ErrorContains(t, err, `have "NoSuchScheduler", want one of`)
	_, err = scheduler.ParseClass("DDIMScheduler", []byte(`{"_use_default_values": 3}`))
	assert.ErrorContains(t, err, "_use_default_values: have 3, want a list of keys")
}

func TestParseConfigRefuses(t *testing.T) {
	for data, want := range map[string]string{
		`{"_class_name": "EulerDiscreteScheduler"`: "unexpected end",
		`[]`:                 "cannot unmarshal",
		`{}`:                 "_class_name is missing",
		`{"_class_name": 3}`: "_class_name: have 3, want a string",
		`{"_class_name": "DDIMScheduler", "sample_max_value": NaN}`:                                     "sample_max_value: have NaN, want a value of type number",
		`{"_class_name": "NoSuchScheduler"}`:                                                            `have "NoSuchScheduler", want one of DDIMScheduler, `,
		`{"_class_name": "DDIMScheduler", "beta_schedule": "cosine"}`:                                   `beta_schedule: have "cosine", want one of linear, scaled_linear`,
		`{"_class_name": "DDIMScheduler", "beta_start": "small"}`:                                       `beta_start: have "small", want a value of type number`,
		`{"_class_name": "DDIMScheduler", "beta_start": -0.1}`:                                          "beta_start: have -0.1",
		`{"_class_name": "DDIMScheduler", "num_train_timesteps": 10.5}`:                                 "num_train_timesteps: have 10.5, want a value of type integer",
		`{"_class_name": "DDIMScheduler", "num_train_timesteps": 0}`:                                    "num_train_timesteps: have 0",
		`{"_class_name": "DDIMScheduler", "num_train_timesteps": 2000000000}`:                           "num_train_timesteps: have 2000000000",
		`{"_class_name": "DDIMScheduler", "trained_betas": [0.1, 0.2]}`:                                 "trained_betas: have 2 numbers, want num_train_timesteps = 1000",
		`{"_class_name": "DDIMScheduler", "clip_sample": "yes"}`:                                        "clip_sample: have \"yes\", want a value of type bool",
		`{"_class_name": "DDIMScheduler", "prediction_type": "flow"}`:                                   `prediction_type: have "flow"`,
		`{"_class_name": "PNDMScheduler", "prediction_type": "sample"}`:                                 `prediction_type: have "sample", want one of epsilon, v_prediction`,
		`{"_class_name": "DDIMScheduler", "timestep_spacing": "even"}`:                                  `timestep_spacing: have "even"`,
		`{"_class_name": "DDIMScheduler", "clip_sample_range": 0}`:                                      "clip_sample_range: have 0",
		`{"_class_name": "DDIMScheduler", "dynamic_thresholding_ratio": 1.5}`:                           "dynamic_thresholding_ratio: have 1.5",
		`{"_class_name": "EulerDiscreteScheduler", "sigma_min": -1}`:                                    "sigma_min: have -1",
		`{"_class_name": "EulerDiscreteScheduler", "final_sigmas_type": "one"}`:                         `final_sigmas_type: have "one"`,
		`{"_class_name": "EulerDiscreteScheduler", "interpolation_type": "cubic"}`:                      `interpolation_type: have "cubic"`,
		`{"_class_name": "EulerDiscreteScheduler", "timestep_type": "any"}`:                             `timestep_type: have "any"`,
		`{"_class_name": "EulerDiscreteScheduler", "use_karras_sigmas": true, "use_beta_sigmas": true}`: "have use_karras_sigmas and use_beta_sigmas",
		`{"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 0}`:                                "shift: have 0",
		`{"_class_name": "FlowMatchEulerDiscreteScheduler", "invert_sigmas": true}`:                     "invert_sigmas: have true, want false",
		`{"_class_name": "FlowMatchEulerDiscreteScheduler", "shift_terminal": 2}`:                       "shift_terminal: have 2",
		`{"_class_name": "EDMEulerScheduler", "sigma_min": 90}`:                                         "sigma_min: have no less than sigma_max",
		`{"_class_name": "EDMEulerScheduler", "sigma_schedule": "linear"}`:                              `sigma_schedule: have "linear"`,
		`{"_class_name": "DDPMScheduler", "variance_type": "learned_range"}`:                            `variance_type: have "learned_range", want one of fixed_small`,
		`{"_class_name": "UniPCMultistepScheduler", "solver_p": {"a": 1}}`:                              "solver_p: have",
		`{"_class_name": "UniPCMultistepScheduler", "solver_type": "bh3"}`:                              `solver_type: have "bh3"`,
		`{"_class_name": "DEISMultistepScheduler", "algorithm_type": "any"}`:                            `algorithm_type: have "any"`,
		`{"_class_name": "DPMSolverMultistepScheduler", "solver_order": 4}`:                             "solver_order: have 4, want 1, 2 or 3",
		`{"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "dpm"}`:                       `algorithm_type: have "dpm"`,
		`{"_class_name": "DPMSolverMultistepScheduler", "solver_type": "rk4"}`:                          `solver_type: have "rk4"`,
		`{"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver"}`:                 `final_sigmas_type: have "zero", want "sigma_min"`,
		`{"_class_name": "DPMSolverMultistepScheduler", "use_flow_sigmas": true}`:                       "use_flow_sigmas: have true, want false",
		`{"_class_name": "DPMSolverMultistepScheduler", "variance_type": "learned"}`:                    `variance_type: have "learned", want null`,
		`{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": "deep"}`:                  `lambda_min_clipped: have "deep"`,
	} {
		_, err := scheduler.ParseConfig([]byte(data))
		assert.ErrorContains(t, err, want, data)
	}
}

// torch.linspace rounds the range to float32 before it divides it into steps.
func TestBetasRoundTheRange(t *testing.T) {
	c := parse(t, `{"_class_name": "DDIMScheduler", "beta_start": 0.000866, "beta_end": 0.012, "num_train_timesteps": 100}`)
	betas, err := c.Betas()
	require.NoError(t, err)
	want := []float64{0.0008660000166855752, 0.0009784647263586521, 0.0010909293778240681} // torch 2.15
	assert.Equal(t, want, betas[:3])
}

// A config moves to another class as diffusers' from_config moves it: given keys
// carry over, defaults do not.
func TestAs(t *testing.T) {
	c := parse(t, sd15)
	euler, err := c.As("EulerDiscreteScheduler")
	require.NoError(t, err)
	assert.Equal(t, 0.00085, euler.BetaStart)
	assert.Equal(t, 1, euler.StepsOffset)
	assert.Equal(t, "linspace", euler.TimestepSpacing, "the file does not give it, so Euler's default")

	ddim, err := c.As("DDIMScheduler")
	require.NoError(t, err)
	assert.False(t, ddim.ClipSample, "PNDM has no such key, but the file gives it")

	c.TimestepSpacing = "trailing"
	euler, err = c.As("EulerDiscreteScheduler")
	require.NoError(t, err)
	assert.Equal(t, "trailing", euler.TimestepSpacing, "changed by the caller")

	_, err = c.As("NoSuchScheduler")
	assert.Error(t, err)
}

// A class takes algorithms and solver types that it does not have for its default, and
// that is what a further class gets. The values are of diffusers 0.42.1's from_config.
func TestAsSettlesSolvers(t *testing.T) {
	classes := []string{"DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "DEISMultistepScheduler", "UniPCMultistepScheduler"}
	dpm := map[string][]string{"midpoint": {"midpoint", "midpoint", "logrho", "bh2"}, "heun": {"heun", "heun", "logrho", "bh2"}, "bh1": {"midpoint", "midpoint", "logrho", "bh2"}}
	for i, want := range []map[string][]string{
		dpm, dpm,
		{"heun": {"midpoint", "midpoint", "logrho", "bh2"}, "bh1": {"midpoint", "midpoint", "logrho", "bh2"}},
		{"heun": {"midpoint", "midpoint", "logrho", "bh2"}, "bh1": {"midpoint", "midpoint", "logrho", "bh1"}},
	} {
		for solver, types := range want {
			c := parse(t, fmt.Sprintf(`{"_class_name": %q, "solver_type": %q}`, classes[i], solver))
			for j, class := range classes {
				other, err := c.As(class)
				require.NoError(t, err)
				assert.Equal(t, types[j], other.SolverType, "%s from %s with %s", class, classes[i], solver)
			}
		}
	}
	c := parse(t, `{"_class_name": "DEISMultistepScheduler", "algorithm_type": "dpmsolver"}`)
	assert.Equal(t, "deis", c.AlgorithmType)
	c, err := c.As("DPMSolverMultistepScheduler")
	require.NoError(t, err, "without sigma_min, dpmsolver would be an error")
	assert.Equal(t, "dpmsolver++", c.AlgorithmType)
}

// The fixed variances of a DDPM, which its file names, mean nothing to the solvers that
// refuse learned ones, and the null of theirs means to a DDPM its default.
func TestAsOfFixedVariances(t *testing.T) {
	for _, variance := range []string{`"fixed_small"`, `"fixed_small_log"`, `"fixed_large"`, "null"} {
		c := parse(t, `{"_class_name": "DDPMScheduler", "variance_type": `+variance+`}`)
		for _, class := range scheduler.Classes() {
			if strings.HasPrefix(class, "EDM") || strings.HasPrefix(class, "FlowMatch") {
				continue
			}
			other, err := c.As(class)
			if assert.NoError(t, err, "%s %s", class, variance) {
				_, err := other.Schedule(10)
				assert.NoError(t, err, "%s %s", class, variance)
			}
		}
	}
}

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

// Trailing strides of the whole range are fewer in one that lambda_min_clipped cuts.
func TestClippedTrailing(t *testing.T) {
	for _, tt := range []struct {
		lambda float64
		steps  int
		want   []float64 // of diffusers
	}{
		{-2, 16, []float64{628, 565, 503, 441, 378, 315, 253, 191, 128, 65, 3}},
		{4, 10, []float64{1}},
		{-5.1, 3, []float64{999, 666, 332}},
	} {
		c := parse(t, fmt.Sprintf(`{"_class_name": "DPMSolverMultistepScheduler", "timestep_spacing": "trailing", "lambda_min_clipped": %g}`, tt.lambda))
		s, err := c.Schedule(tt.steps)
		require.NoError(t, err)
		assert.Equal(t, tt.want, s.Timesteps)
		assert.Len(t, s.Sigmas, len(tt.want)+1)
		tail, err := s.Tail(0.5) // of the 16 steps asked for, 8 are left, and so on
		if len(tt.want) <= tt.steps/2 {
			assert.ErrorContains(t, err, "leaves no step")
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, tt.want[(tt.steps+1)/2:], tail.Timesteps)
	}
}

func TestTail(t *testing.T) {
	ddim, err := parse(t, sd15).As("DDIMScheduler")
	require.NoError(t, err)
	full, err := ddim.Schedule(10)
	require.NoError(t, err)
	for _, tt := range []struct {
		strength float64
		steps    int
	}{{1, 10}, {0.8, 8}, {0.35, 3}, {0.3, 3}, {0.1, 1}} {
		tail, err := full.Tail(tt.strength)
		require.NoError(t, err)
		assert.Equal(t, full.Timesteps[10-tt.steps:], tail.Timesteps)
		assert.Equal(t, full.Sigmas[10-tt.steps:], tail.Sigmas)
		assert.InEpsilon(t, math.Sqrt(1+tail.Sigmas[0]*tail.Sigmas[0]), tail.InitNoiseSigma, 1e-12)
	}
	for _, strength := range []float64{0, -1, 1.01, math.NaN()} {
		_, err := full.Tail(strength)
		assert.ErrorContains(t, err, "want more than 0 and at most 1")
	}
	for _, class := range scheduler.Classes() {
		if class == "PNDMScheduler" {
			continue // TestPNDMTail
		}
		own, err := parse(t, sd15).As(class)
		require.NoError(t, err)
		full, err := own.Schedule(10)
		require.NoError(t, err)
		_, err = full.Tail(0.05)
		assert.ErrorContains(t, err, "leaves no step to run", class)
	}
}

func TestDiscardPenultimate(t *testing.T) {
	c, err := parse(t, sd15).As("KDPM2DiscreteScheduler")
	require.NoError(t, err)
	full, err := c.Schedule(6)
	require.NoError(t, err)
	short, err := full.DiscardPenultimate()
	require.NoError(t, err)
	assert.Equal(t, full.Timesteps[:5], short.Timesteps)
	assert.Equal(t, []float64{full.Sigmas[4], 0}, short.Sigmas[4:])
	one, err := c.Schedule(1)
	require.NoError(t, err)
	_, err = one.DiscardPenultimate()
	assert.ErrorContains(t, err, "want at least 2")
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

// PNDM visits its second level twice, and loses that in image-to-image.
func TestPNDMTail(t *testing.T) {
	full, err := parse(t, sd15).Schedule(10)
	require.NoError(t, err)
	assert.Equal(t, []float64{901, 801, 801, 701, 601, 501, 401, 301, 201, 101, 1}, full.Timesteps)
	assert.Nil(t, full.Solver.From, "leading: the steps join")
	tail, err := full.Tail(0.8)
	require.NoError(t, err)
	assert.Equal(t, []float64{801, 701, 601, 501, 401, 301, 201, 101, 1}, tail.Timesteps)
	tail, err = full.Tail(1)
	require.NoError(t, err)
	assert.Equal(t, full.Timesteps, tail.Timesteps)

	// a tail that begins with the doubled level repeats its first step from one
	// stride above it, as diffusers does
	tail, err = full.Tail(0.9)
	require.NoError(t, err)
	assert.Equal(t, []float64{801, 801, 701}, tail.Timesteps[:3])
	require.NotNil(t, tail.Solver.From)
	assert.Equal(t, []float64{tail.Sigmas[0], full.Sigmas[0]}, tail.Solver.From[:2])
	assert.Equal(t, []float64{tail.Sigmas[2], tail.Sigmas[0]}, tail.Solver.To[:2])

	// the last call is left when no step is
	tail, err = full.Tail(0.05)
	require.NoError(t, err)
	assert.Equal(t, []float64{1}, tail.Timesteps)
	assert.Equal(t, full.Sigmas[10:], tail.Sigmas)
	assert.Zero(t, tail.Steps())
	one, err := parse(t, sd15).Schedule(1)
	require.NoError(t, err)
	_, err = one.Tail(0.5)
	assert.ErrorContains(t, err, "leaves no step to run", "one step is one call")
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

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(sd15))
	f.Add([]byte(`{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity}`))
	f.Add([]byte(`{"_class_name": "EulerDiscreteScheduler", "num_train_timesteps": 3, "trained_betas": [0.1, 0.9, 0.99]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := scheduler.ParseConfig(data)
		if err != nil || c.NumTrainTimesteps > 2000 {
			return
		}
		names := []string{""}
		for _, info := range scheduler.Names() {
			names = append(names, info.Name)
		}
		for i, name := range names {
			s, err := c.ScheduleNamed(name, 1+i%7)
			if err != nil {
				continue
			}
			if _, err := s.Tail(0.7); err == nil {
				s.Timestep(1)
			}
			if len(s.Sigmas) != len(s.Timesteps)+1 {
				t.Fatalf("%d sigmas for %d timesteps", len(s.Sigmas), len(s.Timesteps))
			}
		}
	})
}
