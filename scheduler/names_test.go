package scheduler

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Every schedule that the other programs name, under the one it means here.
func TestNamesElsewhere(t *testing.T) {
	for program, names := range map[string]map[string]string{
		"k-diffusion": {"karras": "karras", "exponential": "exponential", "polyexponential": "exponential", "vp": "vp"},
		"WebUI": {
			"automatic": "normal", "uniform": "normal", "karras": "karras", "exponential": "exponential", "polyexponential": "exponential",
			"sgm_uniform": "sgm_uniform", "SGMUniform": "sgm_uniform", "SGM Uniform": "sgm_uniform", "kl_optimal": "kl_optimal", "KL Optimal": "kl_optimal",
			"align_your_steps": "align_your_steps", "Align Your Steps": "align_your_steps", "align_your_steps_11": "align_your_steps", "Align Your Steps 11": "align_your_steps",
			"align_your_steps_32": "align_your_steps_32", "Align Your Steps 32": "align_your_steps_32", "align_your_steps_GITS": "align_your_steps_gits", "Align Your Steps GITS": "align_your_steps_gits",
			"karras_exponential": "karras_exponential", "Karras Exponential": "karras_exponential", "simple": "simple", "normal": "normal", "ddim": "ddim_uniform", "turbo": "turbo",
			"beta": "beta", // WebUI means what is beta_sigma here, and kl_optimal_open by kl_optimal: see ScheduleNamed
		},
		"ComfyUI": {
			"simple": "simple", "sgm_uniform": "sgm_uniform", "karras": "karras", "exponential": "exponential", "ddim_uniform": "ddim_uniform",
			"beta": "beta", "normal": "normal", "linear_quadratic": "linear_quadratic", "kl_optimal": "kl_optimal",
			"Polyexponential": "exponential", "Laplace": "laplace", "SDTurbo": "turbo", "VP": "vp", "AlignYourStepsScheduler": "ays", "GITS": "gits",
		},
		"stable-diffusion.cpp": {
			"discrete": "normal", "normal": "normal", "karras": "karras", "exponential": "exponential", "ays": "ays",
			"sgm_uniform": "sgm_uniform", "simple": "simple", "kl_optimal": "kl_optimal", "lcm": "lcm", "beta": "beta",
			"gits": "gits", "smoothstep": "smoothstep", "bong_tangent": "bong_tangent",
		},
		"diffusers": {
			"linspace": "linspace", "leading": "leading", "trailing": "trailing", "use_karras_sigmas": "karras",
			"use_exponential_sigmas": "exponential", "use_beta_sigmas": "beta_sigma", "use_lu_lambdas": "lu",
		},
	} {
		for name, want := range names {
			info, err := Lookup(name)
			if assert.NoError(t, err, program) {
				assert.Equal(t, want, info.Name, "%s: %s", program, name)
			}
		}
	}
	for why, list := range map[string]string{
		"for flow matching and video":                   "logit_normal flux flux2 ltx2",
		"tables of levels up to 1, for flow matching":   "OptimalSteps",
		"made from a list of the user's: Config.Custom": "ManualSigmas",
	} {
		for _, name := range strings.Fields(list) {
			_, err := Lookup(name)
			assert.ErrorContains(t, err, "want one of", "%s: %s", why, name)
		}
	}
}
