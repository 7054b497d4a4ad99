package sampler_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// Every name that the other programs use, under the sampler that it means here and,
// after a slash, the schedule that is part of it.
var namesElsewhere = map[string]map[string]string{
	"diffusers": {
		"euler":                `EulerDiscreteScheduler|EDMEulerScheduler`,
		"euler_ancestral":      `EulerAncestralDiscreteScheduler`,
		"heun":                 `HeunDiscreteScheduler`,
		"dpm2":                 `KDPM2DiscreteScheduler`,
		"dpm2_ancestral":       `KDPM2AncestralDiscreteScheduler`,
		"lms":                  `LMSDiscreteScheduler`,
		"dpmsolver_multistep":  `DPMSolverMultistepScheduler|EDMDPMSolverMultistepScheduler`,
		"dpmsolver_singlestep": `DPMSolverSinglestepScheduler`,
		"dpmpp_sde":            `DPMSolverSDEScheduler`,
		"ddim":                 `DDIMScheduler|DDIMParallelScheduler`,
		"ddpm":                 `DDPMScheduler|DDPMParallelScheduler`,
		"deis_2":               `DEISMultistepScheduler`,
		"ipndm":                `IPNDMScheduler`,
		"plms":                 `PNDMScheduler`,
		"lcm":                  `LCMScheduler`,
		"tcd":                  `TCDScheduler`,
		"sa_solver_2":          `SASolverScheduler`,
		"unipc_2":              `UniPCMultistepScheduler`,
		"repaint":              `RePaintScheduler`,
		"ddim_inverse":         `DDIMInverseScheduler`,
		"dpmpp_2m_inverse":     `DPMSolverMultistepInverseScheduler`,
	},
	"k-diffusion": {
		"euler":              `sample_euler`,
		"euler_ancestral":    `sample_euler_ancestral`,
		"heun":               `sample_heun`,
		"dpm2":               `sample_dpm_2`,
		"dpm2_ancestral":     `sample_dpm_2_ancestral`,
		"lms":                `sample_lms`,
		"dpm_fast":           `sample_dpm_fast`,
		"dpm_adaptive":       `sample_dpm_adaptive`,
		"dpmpp_2s_ancestral": `sample_dpmpp_2s_ancestral`,
		"dpmpp_sde":          `sample_dpmpp_sde`,
		"dpmpp_2m":           `sample_dpmpp_2m`,
		"dpmpp_2m_sde":       `sample_dpmpp_2m_sde`,
		"dpmpp_3m_sde":       `sample_dpmpp_3m_sde`,

		"dpmpp_2m/karras_full":             `sample_dpmpp_2m karras`,
		"euler_ancestral/exponential_full": `sample_euler_ancestral exponential`,
	},
	"stable-diffusion.cpp": {
		"euler":                  `euler|k_euler`,
		"euler_ancestral":        `euler_a|euler a|k_euler_a`,
		"heun":                   `heun|k_heun`,
		"dpm2":                   `dpm2|k_dpm_2`,
		"dpmpp_2s_ancestral":     `dpm++2s_a`,
		"dpmpp_2m":               `dpm++2m|dpm++ 2m|k_dpmpp_2m`,
		"ipndm":                  `ipndm`,
		"dpmpp_2m_v2":            `dpm++2mv2`,
		"ipndm_v":                `ipndm_v`, // whose third and fourth order are ipndm's there
		"lcm":                    `lcm`,
		"ddim":                   `ddim`,
		"ddim/trailing":          `ddim_trailing`,
		"tcd":                    `tcd`,
		"res_multistep":          `res_multistep|res multistep|k_res_multistep`,
		"res_2s":                 `res_2s|res 2s|k_res_2s`,
		"er_sde":                 `er_sde`,
		"euler_cfg_pp":           `euler_cfg_pp|k_euler_cfg_pp`,
		"euler_ancestral_cfg_pp": `euler_a_cfg_pp|k_euler_a_cfg_pp`, // there the second is not ancestral, by mistake
		"gradient_estimation":    `euler_ge`,
		"dpmpp_2m_sde":           `dpm++2m_sde|dpm++2m_sde_bt|dpm++ 2m sde|k_dpmpp_2m_sde|dpm++ 2m sde gpu|k_dpmpp_2m_sde_gpu`, // the noise is the caller's
		"lms":                    `lms`,
	},
	"WebUI": {
		"euler_ancestral":                `Euler a|k_euler_a|k_euler_ancestral`,
		"euler":                          `Euler|k_euler`,
		"lms":                            `LMS|k_lms`,
		"lms/karras_full":                `LMS Karras|k_lms_ka`,
		"heun":                           `Heun|k_heun`,
		"dpm2":                           `DPM2|k_dpm_2`,
		"dpm2/karras_full":               `DPM2 Karras|k_dpm_2_ka`,
		"dpm2_ancestral":                 `DPM2 a|k_dpm_2_a`,
		"dpm2_ancestral/karras_full":     `DPM2 a Karras|k_dpm_2_a_ka`,
		"dpmpp_2s_ancestral":             `DPM++ 2S a|k_dpmpp_2s_a`,
		"dpmpp_2s_ancestral/karras_full": `DPM++ 2S a Karras|k_dpmpp_2s_a_ka`,
		"dpmpp_2m":                       `DPM++ 2M|k_dpmpp_2m`,
		"dpmpp_2m/karras_full":           `DPM++ 2M Karras|k_dpmpp_2m_ka`,
		"dpmpp_sde":                      `DPM++ SDE|k_dpmpp_sde`,
		"dpmpp_sde/karras_full":          `DPM++ SDE Karras|k_dpmpp_sde_ka`,
		"dpmpp_2m_sde":                   `DPM++ 2M SDE`,
		"dpmpp_2m_sde/karras_full":       `DPM++ 2M SDE Karras|k_dpmpp_2m_sde_ka`,
		"dpmpp_2m_sde/exponential_full":  `DPM++ 2M SDE Exponential`,
		"dpmpp_2m_sde_heun":              `DPM++ 2M SDE Heun|k_dpmpp_2m_sde_heun`,
		"dpmpp_2m_sde_heun/karras_full":  `DPM++ 2M SDE Heun Karras`,
		"dpmpp_3m_sde":                   `DPM++ 3M SDE|k_dpmpp_3m_sde`,
		"dpm_fast":                       `DPM fast|k_dpm_fast`,
		"dpm_adaptive":                   `DPM adaptive|k_dpm_ad`,
		"ddim":                           `DDIM|ddim`,
		"plms":                           `PLMS|plms`,
		"unipc":                          `UniPC|unipc`,
		"restart":                        `Restart`,
		"lcm":                            `LCM`,
		"ddim_cfg_pp":                    `DDIM CFG++`,
	},
	"ComfyUI": {
		"euler":                          `euler`,
		"euler_cfg_pp":                   `euler_cfg_pp`,
		"euler_ancestral":                `euler_ancestral`,
		"euler_ancestral_cfg_pp":         `euler_ancestral_cfg_pp`,
		"heun":                           `heun`,
		"dpm2":                           `dpm_2`,
		"dpm2_ancestral":                 `dpm_2_ancestral`,
		"lms":                            `lms`,
		"dpm_fast":                       `dpm_fast`,
		"dpm_adaptive":                   `dpm_adaptive`,
		"dpmpp_2s_ancestral":             `dpmpp_2s_ancestral`,
		"dpmpp_2s_ancestral_cfg_pp":      `dpmpp_2s_ancestral_cfg_pp`,
		"dpmpp_sde":                      `dpmpp_sde|dpmpp_sde_gpu`,
		"dpmpp_2m":                       `dpmpp_2m`,
		"dpmpp_2m_cfg_pp":                `dpmpp_2m_cfg_pp`,
		"dpmpp_2m_sde":                   `dpmpp_2m_sde|dpmpp_2m_sde_gpu`,
		"dpmpp_2m_sde_heun":              `dpmpp_2m_sde_heun|dpmpp_2m_sde_heun_gpu`,
		"dpmpp_3m_sde":                   `dpmpp_3m_sde|dpmpp_3m_sde_gpu`,
		"ddpm":                           `ddpm`,
		"lcm":                            `lcm`,
		"ipndm":                          `ipndm`,
		"ipndm_v":                        `ipndm_v`,
		"deis":                           `deis`,
		"res_multistep":                  `res_multistep`,
		"res_multistep_cfg_pp":           `res_multistep_cfg_pp`,
		"res_multistep_ancestral":        `res_multistep_ancestral`,
		"res_multistep_ancestral_cfg_pp": `res_multistep_ancestral_cfg_pp`,
		"gradient_estimation":            `gradient_estimation`,
		"gradient_estimation_cfg_pp":     `gradient_estimation_cfg_pp`,
		"er_sde":                         `er_sde`,
		"sa_solver":                      `sa_solver`,
		"sa_solver_pece":                 `sa_solver_pece`,
		"ddim":                           `ddim`,
		"unipc":                          `uni_pc`,
		"unipc_bh2":                      `uni_pc_bh2`,
		"heunpp2":                        `heunpp2`,
		"exp_heun_2_x0":                  `exp_heun_2_x0`,
		"exp_heun_2_x0_sde":              `exp_heun_2_x0_sde`,
		"seeds_2":                        `seeds_2`,
		"seeds_3":                        `seeds_3`,
		"cfgpp_ud10_ab":                  `cfgpp_ud10_ab`,
	},
	"sd-scripts and others": {
		"ddim": `ddim`, "pndm": `pndm`, "dpmsolver_multistep": `dpmsolver_multistep`, "dpmpp_2m": `dpmsolver++`, "dpm2_ancestral": `k_dpm_2_ancestral`,
	},
}

// Names that are not there, and why.
var notHere = map[string]string{
	"flow matching, for transformers": `FlowMatchEulerDiscreteScheduler FlowMatchHeunDiscreteScheduler FlowMatchLCMScheduler FlowMapEulerDiscreteScheduler LTXEulerAncestralRFScheduler SCMScheduler`,
	"other kinds of model":            `CMStochasticIterativeScheduler ScoreSdeVeScheduler ScoreSdeVpScheduler KarrasVeScheduler UnCLIPScheduler VQDiffusionScheduler AmusedScheduler BlockRefinementScheduler ConsistencyDecoderScheduler DDPMWuerstchenScheduler DiscreteDDIMScheduler EntropyBoundScheduler MiniMaxH3Scheduler`,
	"video and audio":                 `ar_video CogVideoXDDIMScheduler CogVideoXDPMScheduler CosineDPMSolverMultistepScheduler HeliosScheduler HeliosDMDScheduler`,
}

func TestNamesElsewhere(t *testing.T) {
	for program, names := range namesElsewhere {
		for want, list := range names {
			wantSampler, wantSchedule, _ := strings.Cut(want, "/")
			_, err := sampler.ByName(wantSampler)
			require.NoError(t, err)
			for _, name := range strings.Split(list, "|") {
				info, schedule, err := sampler.ParseLabel(name)
				if assert.NoError(t, err, "%s: %s", program, name) {
					assert.Equal(t, wantSampler, info.Name, "%s: %s", program, name)
					assert.Equal(t, wantSchedule, schedule, "%s: %s", program, name)
				}
			}
		}
	}
	for why, list := range notHere {
		for _, name := range strings.Fields(list) {
			_, _, err := sampler.ParseLabel(name)
			assert.ErrorContains(t, err, "want one of", "%s: %s", why, name)
		}
	}
}

// No alias means two samplers, but for the two that only punctuation tells apart.
func TestAliasesAreUnique(t *testing.T) {
	for _, info := range append(sampler.Names(), sampler.Inverses()...) {
		for _, name := range append([]string{info.Name}, info.Aliases...) {
			found, err := sampler.Lookup(name)
			require.NoError(t, err)
			assert.Equal(t, info.Name, found.Name, name)
		}
	}
	for name, nearest := range map[string]string{"eular": "euler", "dpmpp2n": "dpmpp_2m", "sa-solver pec": "sa_solver_pece", "Euler b": "euler", "k_huen": "heun", "Eulr a": "euler_ancestral", "EulerDiscreteSchedulr": "euler"} {
		_, err := sampler.Lookup(name)
		if assert.Error(t, err) {
			list := strings.Split(strings.SplitAfter(err.Error(), "want one of ")[1], ", ")
			assert.Contains(t, list[:5], nearest, "%s: %v", name, list[:5])
			assert.Equal(t, list[0], sampler.Nearest(name)[0].Name)
		}
	}
}
