package scheduler_test

import (
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
