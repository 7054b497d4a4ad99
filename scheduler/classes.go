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
	// it computes with ᾱ and has no list of float32 sigmas
	exact bool
	// builds the schedule for a checked number of steps
	schedule func(c *Config, t *table, steps int) (*Schedule, error)
	// what prediction_type may be
	predictions []string
	// what algorithm_type and solver_type are in the class, the default first. Those of
	// other classes are taken for the default.
	algorithms, types []string
}

// Pieces that many classes share.
const (
	trained   = `"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear", "trained_betas": null, "prediction_type": "epsilon"`
	trainedSD = `"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "linear", "trained_betas": null, "prediction_type": "epsilon"`
	clipping  = `, "clip_sample_range": 1.0`
	threshold = `, "thresholding": false, "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0`
	curves    = `, "use_karras_sigmas": false, "use_exponential_sigmas": false, "use_beta_sigmas": false`
	between   = `, "sigma_min": null, "sigma_max": null` // what the curves lie between, if not null
	linspaced = `, "timestep_spacing": "linspace", "steps_offset": 0`
	leading   = `, "timestep_spacing": "leading", "steps_offset": 0`
	zeroSNR   = `, "rescale_betas_zero_snr": false`
	flow      = `, "use_flow_sigmas": false, "flow_shift": 1.0, "use_dynamic_shifting": false, "time_shift_type": "exponential"`
	dpm       = `, "solver_order": 2, "algorithm_type": "dpmsolver++", "solver_type": "midpoint", "lambda_min_clipped": "-inf", "variance_type": null, "final_sigmas_type": "zero"`
	edm       = `"num_train_timesteps": 1000, "prediction_type": "epsilon", "sigma_min": 0.002, "sigma_max": 80.0, "sigma_data": 0.5, "sigma_schedule": "karras", "rho": 7.0, "final_sigmas_type": "zero"`
	distilled = `, "original_inference_steps": 50, "timestep_scaling": 10.0, "clip_sample": false, "set_alpha_to_one": true`
)

var (
	anyPrediction = []string{epsilon, vPrediction, sample}
	epsOrV        = []string{epsilon, vPrediction}
)

var classes map[string]class

func init() { // the builders refer to the table, so it cannot be a plain literal
	classes = map[string]class{
		// latents at unit variance, levels by ᾱ
		"DDPMScheduler": {
			defaults:           trained + threshold + `, "clip_sample": true` + clipping + `, "variance_type": "fixed_small"` + leading + zeroSNR,
			variancePreserving: true, exact: true, schedule: ddpmSchedule, predictions: anyPrediction,
		},
		"DDIMScheduler": {
			defaults:           trained + threshold + `, "clip_sample": true` + clipping + `, "set_alpha_to_one": true` + leading + zeroSNR,
			variancePreserving: true, exact: true, schedule: strideSchedule, predictions: anyPrediction,
		},
		"PNDMScheduler": {
			defaults:           trained + `, "skip_prk_steps": false, "set_alpha_to_one": false` + leading,
			variancePreserving: true, exact: true, schedule: pndmSchedule, predictions: epsOrV,
		},
		"LCMScheduler": {
			defaults:           strings.Replace(trainedSD, `"linear"`, `"scaled_linear"`, 1) + threshold + distilled + clipping + leading + zeroSNR,
			variancePreserving: true, exact: true, schedule: distilledSchedule, predictions: anyPrediction,
		},
		"TCDScheduler": {
			defaults:           strings.Replace(trainedSD, `"linear"`, `"scaled_linear"`, 1) + threshold + distilled + clipping + leading + zeroSNR,
			variancePreserving: true, exact: true, schedule: distilledSchedule, predictions: anyPrediction,
		},

		// latents as they are here, levels by sigma
		"EulerDiscreteScheduler": {
			defaults: trained + `, "interpolation_type": "linear"` + curves + between +
				linspaced + `, "timestep_type": "discrete"` + zeroSNR + `, "final_sigmas_type": "zero"`,
			schedule: sigmaSchedule, predictions: anyPrediction,
		},
		"EulerAncestralDiscreteScheduler": {
			defaults: trained + linspaced + zeroSNR,
			schedule: sigmaSchedule, predictions: epsOrV,
		},
		"LMSDiscreteScheduler": {
			defaults: trained + curves + between + linspaced,
			schedule: sigmaSchedule, predictions: anyPrediction,
		},
		"HeunDiscreteScheduler": {
			defaults: trainedSD + curves + between + `, "clip_sample": false` + clipping + linspaced,
			schedule: sigmaSchedule, predictions: anyPrediction,
		},
		"KDPM2DiscreteScheduler": {
			defaults: trainedSD + curves + between + linspaced,
			schedule: sigmaSchedule, predictions: epsOrV,
		},
		"KDPM2AncestralDiscreteScheduler": {
			defaults: trainedSD + curves + between + linspaced,
			schedule: sigmaSchedule, predictions: epsOrV,
		},
		"DPMSolverSDEScheduler": {
			defaults: trainedSD + curves + between + `, "noise_sampler_seed": null` + linspaced,
			schedule: sigmaSchedule, predictions: epsOrV,
		},

		// the preconditioning of Karras et al. (2022): see Schedule.SigmaData
		"EDMEulerScheduler": {
			defaults: edm,
			schedule: edmSchedule, predictions: epsOrV,
		},
		"EDMDPMSolverMultistepScheduler": {
			defaults: edm + threshold + `, "solver_order": 2, "algorithm_type": "dpmsolver++", "solver_type": "midpoint", "lower_order_final": true, "euler_at_final": false`,
			schedule: edmSchedule, predictions: epsOrV,
			algorithms: []string{"dpmsolver++", "sde-dpmsolver++"}, types: []string{"midpoint", "heun"},
		},

		// straight paths from noise to latents: see Schedule.Flow
		"FlowMatchEulerDiscreteScheduler": {
			defaults: `"num_train_timesteps": 1000, "shift": 1.0, "use_dynamic_shifting": false, "base_shift": 0.5, "max_shift": 1.15, "base_image_seq_len": 256, "max_image_seq_len": 4096, "invert_sigmas": false, "shift_terminal": null, "time_shift_type": "exponential", "stochastic_sampling": false` + curves,
			schedule: flowSchedule,
		},

		// latents at unit variance, levels by sigma
		"DPMSolverMultistepScheduler": {
			defaults:           trained + dpm + `, "lower_order_final": true, "euler_at_final": false` + threshold + curves + between + `, "use_lu_lambdas": false` + flow + linspaced + zeroSNR,
			variancePreserving: true, schedule: multistepSchedule, predictions: anyPrediction,
			algorithms: []string{"dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver"}, types: []string{"midpoint", "heun"},
		},
		"DPMSolverSinglestepScheduler": {
			defaults:           trained + dpm + `, "lower_order_final": false` + threshold + curves + between + flow,
			variancePreserving: true, schedule: multistepSchedule, predictions: anyPrediction,
			algorithms: []string{"dpmsolver++", "dpmsolver", "sde-dpmsolver++"}, types: []string{"midpoint", "heun"},
		},
		"DEISMultistepScheduler": {
			defaults:           trained + `, "solver_order": 2, "algorithm_type": "deis", "solver_type": "logrho", "lower_order_final": true` + threshold + curves + between + flow + linspaced,
			variancePreserving: true, schedule: multistepSchedule, predictions: anyPrediction,
			algorithms: []string{"deis"}, types: []string{"logrho"},
		},
		"SASolverScheduler": {
			defaults: trained + `, "predictor_order": 2, "corrector_order": 2, "tau_func": null, "algorithm_type": "data_prediction", "lower_order_final": true, "lambda_min_clipped": "-inf", "variance_type": null` +
				threshold + curves + between + `, "use_flow_sigmas": false, "flow_shift": 1.0` + linspaced,
			variancePreserving: true, schedule: multistepSchedule, predictions: anyPrediction,
			algorithms: []string{"data_prediction", "noise_prediction"},
		},
		"UniPCMultistepScheduler": {
			defaults: trained + `, "solver_order": 2, "solver_type": "bh2", "predict_x0": true, "lower_order_final": true, "disable_corrector": [], "solver_p": null` +
				threshold + curves + between + flow + linspaced + zeroSNR + `, "final_sigmas_type": "zero", "shift_terminal": null`,
			variancePreserving: true, schedule: multistepSchedule, predictions: anyPrediction,
			types: []string{"bh2", "bh1"},
		},
	}
}

// sameAs returns the class that computes what another does: those for Flax, and those
// that take many steps at once.
func sameAs(class string) string {
	name := strings.TrimPrefix(class, "Flax")
	switch name {
	case "DDIMParallelScheduler":
		return "DDIMScheduler"
	case "DDPMParallelScheduler":
		return "DDPMScheduler"
	}
	return name
}

// curvesSpanAll says whether the curves of use_karras_sigmas and its kind lie between
// the ends of all training levels, and not of the levels of timestep_spacing.
func (cl class) curvesSpanAll() bool { return cl.variancePreserving && !cl.exact }

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

// All constructor arguments in diffusers/schedulers, and tensor_format, denoise_final,
// predict_epsilon, skip_type, timesteps and timestep_values of the files of 2022.
const otherKeys = `
algorithm_type alpha_cum_end alpha_cum_start base_image_seq_len base_shift
beta_end beta_max beta_min beta_schedule beta_start block_length clip_denoised
clip_sample clip_sample_range correct_steps corrector_k corrector_order
corrector_selection corrector_selection_tau corrector_steps denoise_final disable_corrector
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
timestep_spacing timestep_type timestep_values timesteps trained_betas tsr_k tsr_sigma upscale_mode
use_beta_sigmas use_dynamic_shifting use_exponential_sigmas use_flow_sigmas
use_karras_sigmas use_lu_lambdas variance_type`
