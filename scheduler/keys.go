package scheduler

import (
	"slices"
	"strings"
)

// Pieces of the defaults of many classes.
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
	shifted   = `, "use_flow_sigmas": false, "flow_shift": 1.0, "use_dynamic_shifting": false, "time_shift_type": "exponential"`
)

// The values of prediction_type: what the model's output is.
const (
	epsilon     = "epsilon"      // the noise
	vPrediction = "v_prediction" // √ᾱ·ε − √(1−ᾱ)·x₀
	sample      = "sample"       // the clean latents
)

var (
	anyPrediction = []string{epsilon, vPrediction, sample}
	epsOrV        = []string{epsilon, vPrediction}
)

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
