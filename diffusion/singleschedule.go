package diffusion

import (
	"maps"
	"path"
	"strings"

	"sdgo/internal/ldm"
	"sdgo/unet"
)

// schedules are the schedulers of the published models of a family.
var schedules = map[ldm.Family]map[string]any{
	ldm.SD1: {
		"_class_name": "PNDMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
		"beta_schedule": "scaled_linear", "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1,
	},
	ldm.SD2: {
		"_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
		"beta_schedule": "scaled_linear", "set_alpha_to_one": false, "clip_sample": false, "steps_offset": 1,
	},
	ldm.SDXL:        scheduleXL,
	ldm.SDXLRefiner: scheduleXL,
}

var scheduleXL = map[string]any{
	"_class_name": "EulerDiscreteScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
	"beta_schedule": "scaled_linear", "interpolation_type": "linear", "steps_offset": 1, "timestep_spacing": "leading",
}

// scheduleUpscaler is that of Stable Diffusion 2's x4 upscaler.
var scheduleUpscaler = map[string]any{
	"_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02,
	"beta_schedule": "scaled_linear", "set_alpha_to_one": false, "clip_sample": false, "steps_offset": 1,
}

// fewSchedules are those of models for few steps, where they are other than the family's.
var fewSchedules = map[string]map[string]any{
	"LCM":       distilledSchedule("LCMScheduler"),
	"TCD":       distilledSchedule("TCDScheduler"),
	"Hyper":     {"_class_name": "DDIMScheduler", "timestep_spacing": "trailing", "set_alpha_to_one": false, "clip_sample": false},
	"Lightning": trailing("EulerDiscreteScheduler"),
	"Turbo":     trailing("EulerAncestralDiscreteScheduler"),
	"SDXS":      trailing("EulerDiscreteScheduler"),
}

func trailing(class string) map[string]any {
	return map[string]any{"_class_name": class, "timestep_spacing": "trailing"}
}

func distilledSchedule(class string) map[string]any {
	return map[string]any{"_class_name": class, "original_inference_steps": 50, "set_alpha_to_one": true, "clip_sample": false}
}

// noise are the levels that all of them were trained with.
var noise = map[string]any{"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}

// singleSchedule is the scheduler of a model in one file.
func singleSchedule(m *ldm.Model, names []named) map[string]any {
	if m.EDM != nil {
		return scheduleEDM(m.EDM)
	}
	if m.Channels == smallPicture.channels(latentChannels) {
		return scheduleUpscaler
	}
	config := scheduleOf(m.Family, fewOf(m, names))
	if m.ZeroSNR {
		config = maps.Clone(config)
		config["rescale_betas_zero_snr"] = true
	}
	return config
}

// scheduleEDM is that of Playground 2.5, or of CosXL, which predicts v.
func scheduleEDM(e *ldm.EDM) map[string]any {
	config := map[string]any{
		"_class_name": "EDMDPMSolverMultistepScheduler", "sigma_min": e.SigmaMin, "sigma_max": e.SigmaMax, "sigma_data": e.SigmaData,
	}
	if e.V {
		config["_class_name"], config["sigma_schedule"] = "EDMEulerScheduler", "exponential"
	}
	return config
}

// scheduleOf is the scheduler of a family, or of its models for few steps.
func scheduleOf(family ldm.Family, few string) map[string]any {
	own, ok := fewSchedules[few]
	if !ok {
		return schedules[family]
	}
	config := maps.Clone(noise)
	maps.Copy(config, own)
	return config
}

// namesOf are the names that a single file has for its model.
func namesOf(file string, metadata map[string]string) (names []named) {
	for _, key := range []string{"modelspec.title", "general.name"} {
		if metadata[key] != "" {
			names = append(names, named{key + " of the metadata", metadata[key]})
		}
	}
	return append(names, named{"the file's name", strings.TrimSuffix(file, path.Ext(file))})
}

// fewOf says whether a model in one file is one for few steps, as [Pipeline.Defaults]
// does, or "".
func fewOf(m *ldm.Model, names []named) string {
	part := m.Parts[ldm.UNet]
	if part == nil {
		return ""
	}
	config, err := unet.ParseConfig(part.Config())
	if err != nil { // which loading will say
		return ""
	}
	return fewSteps(&config, nil, names).Few
}
