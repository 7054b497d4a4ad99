package sampler_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
	"sdgo/scheduler"
)

func TestParseLabel(t *testing.T) {
	for label, want := range map[string][2]string{
		"DPM++ 2M SDE Karras":  {"dpmpp_2m_sde", "karras_full"},
		"k_dpmpp_2m_ka":        {"dpmpp_2m", "karras_full"},
		"DPM++ 2M SDE Heun":    {"dpmpp_2m_sde_heun", ""},
		"Euler a":              {"euler_ancestral", ""},
		"LMS Karras":           {"lms", "karras_full"},
		"Euler SGM Uniform":    {"euler", "sgm_uniform"},
		"DDIM":                 {"ddim", ""},
		"dpm++ 2m exponential": {"dpmpp_2m", "exponential_full"},
		"Restart Beta":         {"restart", "beta_sigma_full"},
		"DPM++ 2M Beta":        {"dpmpp_2m", "beta_sigma_full"},
		"Euler KL Optimal":     {"euler", "kl_optimal_open"},

		"Euler a Align Your Steps":           {"euler_ancestral", "align_your_steps"},
		"DPM++ 2M SDE Align Your Steps 11":   {"dpmpp_2m_sde", "align_your_steps"},
		"DPM++ 2M Align Your Steps 32":       {"dpmpp_2m", "align_your_steps_32"},
		"DPM++ 3M SDE Align Your Steps GITS": {"dpmpp_3m_sde", "align_your_steps_gits"},
		"Heun Karras Exponential":            {"heun", "karras_exponential"},
		"Euler a Exponential":                {"euler_ancestral", "exponential_full"},
		"UniPC Simple":                       {"unipc", "simple"},
		"seeds_2 bong_tangent":               {"seeds_2", "bong_tangent"},
		"res_2s smoothstep":                  {"res_2s", "smoothstep"},
		"deis gits":                          {"deis", "gits"},

		"EulerDiscreteScheduler Karras":      {"euler", "karras"}, // a class of diffusers, and its flag
		"HeunDiscreteScheduler Beta":         {"heun", "beta_sigma"},
		"UniPCMultistepScheduler KL Optimal": {"unipc_2", "kl_optimal_open"},
	} {
		info, schedule, err := sampler.ParseLabel(label)
		require.NoError(t, err, label)
		assert.Equal(t, want, [2]string{info.Name, schedule}, label)
		if schedule != "" {
			config, err := scheduler.NewConfig(info.Class)
			require.NoError(t, err)
			_, err = config.ScheduleNamed(schedule, 4)
			assert.NoError(t, err, label)
		}
	}
	for _, label := range []string{"", "Karras", "DPM+++ 9M Karras"} {
		_, _, err := sampler.ParseLabel(label)
		assert.ErrorContains(t, err, "want one of", label)
	}
}
