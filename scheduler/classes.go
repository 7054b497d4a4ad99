package scheduler

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// class describes one scheduler class of diffusers.
type class struct {
	// keys and defaults of its constructor, in diffusers 0.42.1
	defaults string
	// the class keeps its latents at unit variance, √ᾱ·x₀ + √(1−ᾱ)·ε
	variancePreserving bool
	// builds the schedule for a checked number of steps
	schedule func(c *Config, t *table, steps int) (*Schedule, error)
	// what prediction_type may be
	predictions []string
}

const trained = `"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear", "trained_betas": null, "prediction_type": "epsilon"`

// HeunDiscrete and its relatives have Stable Diffusion's range as their default.
const trainedSD = `"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "linear", "trained_betas": null, "prediction_type": "epsilon"`

const thresholding = `"thresholding": false, "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0`

const curves = `"use_karras_sigmas": false, "use_exponential_sigmas": false, "use_beta_sigmas": false`

const linspace = `"timestep_spacing": "linspace", "steps_offset": 0`

const leading = `"timestep_spacing": "leading", "steps_offset": 0`

const flow = `"use_flow_sigmas": false, "flow_shift": 1.0, "use_dynamic_shifting": false, "time_shift_type": "exponential"`

var classes map[string]class

func init() { // not a literal: the builders refer to the table
	anyPrediction := []string{epsilon, vPrediction, sample}
	epsOrV := []string{epsilon, vPrediction}
	classes = map[string]class{
		"DDIMScheduler": {
			defaults: trained + `, "clip_sample": true, "clip_sample_range": 1.0, "set_alpha_to_one": true, ` +
				thresholding + `, ` + leading + `, "rescale_betas_zero_snr": false`,
			variancePreserving: true, schedule: strideSchedule, predictions: anyPrediction,
		},
		"PNDMScheduler": {
			defaults:           trained + `, "skip_prk_steps": false, "set_alpha_to_one": false, ` + leading,
			variancePreserving: true, schedule: pndmSchedule, predictions: epsOrV,
		},
		"EulerDiscreteScheduler": {
			defaults: trained + `, "interpolation_type": "linear", ` + curves + `, "sigma_min": null, "sigma_max": null, ` +
				linspace + `, "timestep_type": "discrete", "rescale_betas_zero_snr": false, "final_sigmas_type": "zero"`,
			schedule: sigmaSchedule, predictions: anyPrediction,
		},
		"EulerAncestralDiscreteScheduler": {
			defaults: trained + `, ` + linspace + `, "rescale_betas_zero_snr": false`,
			schedule: sigmaSchedule, predictions: epsOrV,
		},
		"DPMSolverMultistepScheduler": {
			defaults: trained + `, "solver_order": 2, ` + thresholding +
				`, "algorithm_type": "dpmsolver++", "solver_type": "midpoint", "lower_order_final": true, "euler_at_final": false, ` +
				curves + `, "use_lu_lambdas": false, ` + flow + `, "final_sigmas_type": "zero", "lambda_min_clipped": "-inf", "variance_type": null, ` +
				linspace + `, "rescale_betas_zero_snr": false`,
			variancePreserving: true, schedule: multistepSchedule, predictions: anyPrediction,
		},
	}
}

// Classes returns the names of the scheduler classes that can be decoded.
func Classes() []string { return slices.Sorted(maps.Keys(classes)) }

// defaultKeys returns a fresh map of the class's keys to their defaults.
func (cl class) defaultKeys() map[string]json.RawMessage {
	values := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte("{"+cl.defaults+"}"), &values); err != nil {
		panic("scheduler: class table: " + err.Error())
	}
	return values
}

// knownElsewhere says whether some scheduler of diffusers has the key, so that a
// file may carry it although it means nothing to the file's own class: saved
// configs keep the keys of the classes that they went through.
func knownElsewhere(key string) bool {
	return slices.Contains(strings.Fields(otherKeys), key)
}

// All constructor arguments in diffusers/schedulers, and tensor_format,
// predict_epsilon and skip_type of the files of 2022.
const otherKeys = `
algorithm_type alpha_cum_end alpha_cum_start base_image_seq_len base_shift
beta_end beta_max beta_min beta_schedule beta_start block_length clip_denoised
clip_sample clip_sample_range correct_steps corrector_k corrector_order
corrector_selection corrector_selection_tau corrector_steps disable_corrector
dynamic_thresholding_ratio editing_threshold entropy_bound eps eta
euler_at_final final_sigmas_type final_step_size_scale flow_shift gamma
gamma_cum_end gamma_cum_start interpolation_type invert_sigmas
lambda_min_clipped lower_order_final mask_token_id masking_schedule
max_image_seq_len max_shift minimal_topk n_grid noise_mode noise_sampler_seed
num_inference_steps num_policy_substeps num_train_timesteps num_vec_classes
original_inference_steps predict_epsilon predict_x0 prediction_type
predictor_order rescale_betas_zero_snr rho s s_churn s_max s_min s_noise
sample_max_value sampling_eps scale_factors scaler schedule_mode scheduler_type
set_alpha_to_one shift shift_terminal sigma_data sigma_max sigma_min
sigma_schedule skip_prk_steps skip_type snr snr_shift_scale solver_order
solver_p solver_type stage_range stages steps_offset stochastic_sampling
t_lim_ode t_lim_ode_below t_max t_min tail_step_multiplier tail_steps tau_func
tensor_format threshold thresholding time_shift_type timestep_scaling
timestep_spacing timestep_type trained_betas tsr_k tsr_sigma upscale_mode
use_beta_sigmas use_dynamic_shifting use_exponential_sigmas use_flow_sigmas
use_karras_sigmas use_lu_lambdas variance_type`
