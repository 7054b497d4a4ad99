package sampler

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"sdgo/internal/spelling"
)

// Info describes a sampler that has a name.
type Info struct {
	Name        string // canonical
	Description string // one line
	Class       string // the scheduler class of diffusers whose levels suit it
	Aliases     []string

	sampler Sampler
}

// Samplers are kept in the order in which they are listed to a user.
var named = []Info{
	{"euler", "first order, the plain method", "EulerDiscreteScheduler", []string{"EDMEulerScheduler", "k_euler"}, Euler{}},
	{"euler_ancestral", "Euler with fresh noise at every step", "EulerAncestralDiscreteScheduler", []string{"euler_a", "k_euler_a", "k_euler_ancestral"}, EulerAncestral{}},
	{"heun", "second order, two calls a step", "HeunDiscreteScheduler", []string{"k_heun"}, Heun{}},
	{"heunpp2", "Heun++, three calls a step, weighted by their levels (ComfyUI)", "EulerDiscreteScheduler", nil, HeunPP2{}},
	{"dpm2", "second order by the midpoint, two calls a step", "KDPM2DiscreteScheduler", []string{"dpm_2", "k_dpm_2"}, DPM2{}},
	{"dpm2_ancestral", "DPM2 with fresh noise at every step", "KDPM2AncestralDiscreteScheduler", []string{"dpm_2_ancestral", "dpm2 a", "k_dpm_2_a", "k_dpm_2_ancestral"}, DPM2Ancestral{}},
	{"lms", "linear multistep of fourth order", "LMSDiscreteScheduler", []string{"k_lms"}, LMS{}},
	{"dpm_fast", "DPM-Solver with a fixed number of calls", "EulerDiscreteScheduler", []string{"k_dpm_fast"}, DPMFast{}},
	{"dpm_adaptive", "DPM-Solver that chooses its own steps", "EulerDiscreteScheduler", []string{"k_dpm_ad", "k_dpm_adaptive"}, DPMAdaptive{}},
	{"dpmpp_2s_ancestral", "DPM-Solver++ of second order in single steps, with fresh noise", "EulerDiscreteScheduler", []string{"dpm++ 2s a", "k_dpmpp_2s_a", "k_dpmpp_2s_ancestral"}, DPMPP2SAncestral{}},
	{"dpmpp_sde", "stochastic DPM-Solver++, two calls a step", "DPMSolverSDEScheduler", []string{"dpm++ sde gpu", "dpm++ sde", "k_dpmpp_sde", "dpmpp_sde_gpu"}, DPMPPSDE{}},
	{"dpmsolver_multistep", "DPM-Solver of the config's algorithm, order and type, otherwise as dpmpp_2m (diffusers)", "DPMSolverMultistepScheduler", []string{"DPMSolverMultistepScheduler", "EDMDPMSolverMultistepScheduler"}, DPMSolver{}},
	{"dpmpp_2m", "DPM-Solver++ of second order from the last two estimates", "DPMSolverMultistepScheduler", []string{"dpm++ 2m", "k_dpmpp_2m", "dpmsolver++"}, DPMPP2M{}},
	{"dpmpp_2m_v2", "DPM++ 2M weighted otherwise on uneven steps (stable-diffusion.cpp)", "EulerDiscreteScheduler", []string{"dpm++2mv2"}, DPMPP2MV2{}},
	{"dpmpp_2m_sde", "stochastic DPM++ 2M", "DPMSolverMultistepScheduler", []string{"dpmpp_2m_sde_bt", "dpm++ 2m sde gpu", "dpm++ 2m sde", "k_dpmpp_2m_sde", "dpmpp_2m_sde_gpu"}, DPMPP2MSDE{}},
	{"dpmpp_2m_sde_heun", "stochastic DPM++ 2M, the linear term exact", "DPMSolverMultistepScheduler", []string{"dpm++ 2m sde heun gpu", "dpm++ 2m sde heun", "k_dpmpp_2m_sde_heun", "dpmpp_2m_sde_heun_gpu"}, DPMPP2MSDE{Heun: true}},
	{"dpmpp_3m_sde", "stochastic DPM++ from the last three estimates", "DPMSolverMultistepScheduler", []string{"dpm++ 3m sde gpu", "dpm++ 3m sde", "k_dpmpp_3m_sde", "dpmpp_3m_sde_gpu"}, DPMPP3MSDE{}},
	{"dpmpp_3m", "DPM-Solver++ from the last three estimates", "DPMSolverMultistepScheduler", []string{"dpm++ 3m"}, DPMSolver{Order: 3}},
	{"dpmsolver_singlestep", "DPM-Solver++ of second order in single steps", "DPMSolverSinglestepScheduler", []string{"dpmpp_2s", "dpm++ 2s"}, DPMSinglestep{}},
	{"deis", "exponential integrator over time, third order (ComfyUI)", "EulerDiscreteScheduler", nil, DEIS{Order: 3, Time: true}},
	{"deis_2", "exponential integrator over log σ, second order (diffusers)", "DEISMultistepScheduler", nil, DEIS{}},
	{"unipc", "predictor and corrector of third order, B(h) = h (ComfyUI, WebUI)", "EulerDiscreteScheduler", []string{"unipc_bh1"}, UniPC{Order: 3, BH1: true, LowerOrderFinal: true, End: uniEnd}},
	{"unipc_bh2", "predictor and corrector of third order, B(h) = e^h − 1 (ComfyUI)", "EulerDiscreteScheduler", nil, UniPC{Order: 3, LowerOrderFinal: true, End: uniEnd}},
	{"unipc_2", "predictor and corrector of second order, B(h) = e^h − 1 (diffusers)", "UniPCMultistepScheduler", nil, UniPC{LowerOrderFinal: true}},
	{"ipndm", "Adams-Bashforth of fourth order in σ", "EulerDiscreteScheduler", []string{"IPNDMScheduler"}, IPNDM{}},
	{"ipndm_v", "Adams-Bashforth of fourth order in σ for uneven steps", "EulerDiscreteScheduler", nil, IPNDM{Variable: true}},
	{"res_multistep", "refined exponential solver from the last two estimates", "EulerDiscreteScheduler", []string{"k_res_multistep"}, ResMultistep{}},
	{"res_multistep_ancestral", "the same with fresh noise at every step", "EulerDiscreteScheduler", nil, ResMultistep{Eta: 1}},
	{"res_2s", "refined exponential solver, two calls a step (stable-diffusion.cpp)", "EulerDiscreteScheduler", []string{"k_res_2s"}, Res2S{}},
	{"exp_heun_2_x0", "Heun in log σ for the estimate, two calls a step", "EulerDiscreteScheduler", nil, SEEDS2{Eta: new(float64), R: 1, Phi2: true}},
	{"exp_heun_2_x0_sde", "the same with fresh noise at every step", "EulerDiscreteScheduler", nil, SEEDS2{R: 1, Phi2: true}},
	{"seeds_2", "exponential SDE solver, two calls a step", "EulerDiscreteScheduler", nil, SEEDS2{}},
	{"seeds_3", "exponential SDE solver, three calls a step", "EulerDiscreteScheduler", nil, SEEDS3{}},
	{"gradient_estimation", "Euler corrected by the change of slope", "EulerDiscreteScheduler", []string{"euler_ge"}, GradientEstimation{}},
	{"er_sde", "extended reverse-time SDE from the last three estimates", "EulerDiscreteScheduler", nil, ERSDE{}},
	{"sa_solver", "stochastic Adams predictor and corrector, of orders 3 and 4", "EulerDiscreteScheduler", nil, SASolver{PredictorOrder: 3, CorrectorOrder: 4, Tau: Tau{AtEnd: true}, LowerOrderZero: true}},
	{"sa_solver_pece", "the same with a second call at the corrected state", "EulerDiscreteScheduler", nil, SASolver{PredictorOrder: 3, CorrectorOrder: 4, Tau: Tau{AtEnd: true}, LowerOrderZero: true, PECE: true}},
	{"sa_solver_2", "stochastic Adams predictor and corrector of second order (diffusers)", "SASolverScheduler", nil, SASolver{LowerOrderFinal: true, SimpleOrder2: true}},
	{"restart", "Heun that goes back up and comes down again", "EulerDiscreteScheduler", nil, Restart{}},
	{"ddpm", "ancestral sampling by the posterior, as first published", "DDPMScheduler", []string{"DDPMParallelScheduler"}, DDPM{}},
	{"repaint", "for inpainting: DDIM that goes back up again and again; many calls", "DDPMScheduler", []string{"RePaintScheduler"}, RePaint{}},
	{"ddim", "Euler on the model's own timesteps, with noise by eta", "DDIMScheduler", []string{"DDIMParallelScheduler"}, DDIM{}},
	{"plms", "Adams-Bashforth of fourth order, the first sampler of Stable Diffusion", "PNDMScheduler", nil, PLMS{}},
	{"pndm", "three Runge-Kutta steps, then PLMS; not for image-to-image", "PNDMScheduler", nil, PNDM{}},
	{"lcm", "for consistency models: denoise and add noise again", "LCMScheduler", nil, LCM{}},
	{"tcd", "for trajectory consistency models, with noise by gamma", "TCDScheduler", nil, TCD{Gamma: tcdGamma}},
	{"euler_cfg_pp", "Euler with CFG++, for a small guidance scale", "EulerDiscreteScheduler", []string{"k_euler_cfg_pp"}, Euler{CFGPlusPlus: true}},
	{"euler_ancestral_cfg_pp", "Euler ancestral with CFG++", "EulerAncestralDiscreteScheduler", []string{"euler_a_cfg_pp", "k_euler_a_cfg_pp", "k_euler_ancestral_cfg_pp"}, EulerAncestral{CFGPlusPlus: true}},
	{"dpmpp_2s_ancestral_cfg_pp", "DPM++ 2S ancestral with CFG++", "EulerDiscreteScheduler", []string{"dpm++ 2s a cfg++", "k_dpmpp_2s_ancestral_cfg_pp"}, DPMPP2SAncestral{CFGPlusPlus: true}},
	{"dpmpp_2m_cfg_pp", "DPM++ 2M with CFG++", "DPMSolverMultistepScheduler", []string{"dpm++ 2m cfg++", "k_dpmpp_2m_cfg_pp"}, DPMPP2M{CFGPlusPlus: true}},
	{"res_multistep_cfg_pp", "res_multistep with CFG++", "EulerDiscreteScheduler", nil, ResMultistep{CFGPlusPlus: true}},
	{"res_multistep_ancestral_cfg_pp", "res_multistep_ancestral with CFG++", "EulerDiscreteScheduler", nil, ResMultistep{Eta: 1, CFGPlusPlus: true}},
	{"gradient_estimation_cfg_pp", "gradient_estimation with CFG++", "EulerDiscreteScheduler", []string{"euler_ge_cfg_pp"}, GradientEstimation{CFGPlusPlus: true}},
	{"ddim_cfg_pp", "DDIM with CFG++", "DDIMScheduler", nil, DDIM{CFGPlusPlus: true}},
	{"cfgpp_ud10_ab", "Euler with CFG++ and a share of Adams-Bashforth (ComfyUI)", "EulerDiscreteScheduler", nil, CFGPlusPlusAdams{}},
}

// uniEnd is the level where ComfyUI's UniPC ends in place of zero.
const uniEnd = 1e-3

// inverses go from clean latents to noise, and so are not among those that a user
// who wants pictures is shown.
var inverses = []Info{
	{"ddim_inverse", "DDIM backwards, from clean latents to noise", "DDIMScheduler", []string{"DDIMInverseScheduler"}, DDIMInverse{Ahead: true}},
	{"dpmpp_2m_inverse", "DPM++ 2M backwards, from clean latents to noise", "DPMSolverMultistepScheduler", []string{"DPMSolverMultistepInverseScheduler", "dpmsolver_multistep_inverse"}, DPMSolver{Inverse: true}},
}

// Names lists the samplers that ByName knows and that make latents of noise.
func Names() []Info { return slices.Clone(named) }

// Inverses lists those that make noise of latents, over levels that rise.
func Inverses() []Info { return slices.Clone(inverses) }

// ByName returns a sampler with its default options by its canonical name or by
// an alias, such as "DPM++ 2M", "k_euler_a" or the class "EulerDiscreteScheduler".
// Case and punctuation do not count, except that "++" reads as "pp". The prefixes of
// k-diffusion, "sample_" and "k_", may stand before any name.
//
// Where programs mean different things by a name, the name alone is that of
// ComfyUI, and diffusers' sampler goes by its class or by a name that ends in its
// order: "deis" and "deis_2", "sa_solver" and "sa_solver_2", "unipc" (uni_pc, and
// UniPC in WebUI) and "unipc_2".
func ByName(name string) (Sampler, error) {
	info, err := Lookup(name)
	if err != nil {
		return nil, err
	}
	return info.sampler, nil
}

// Lookup returns the description of a named sampler.
func Lookup(name string) (Info, error) {
	exact, key := strings.ToLower(strings.TrimSpace(name)), plain(name)
	for _, match := range []func(info Info) bool{
		func(info Info) bool { return info.has(func(n string) bool { return plain(n) == key }) },
		func(info Info) bool { return plain(info.Class) == key }, // the first of a class is its own sampler
	} {
		for _, list := range [][]Info{named, inverses} {
			if i := slices.IndexFunc(list, match); i >= 0 {
				return list[i], nil
			}
		}
	}
	for _, prefix := range []string{"sample", "k_"} { // of a label there are letters and digits alone
		if rest, ok := strings.CutPrefix(exact, prefix); ok {
			if info, err := Lookup(rest); err == nil {
				return info, nil
			}
		}
	}
	var names []string
	for _, info := range Nearest(name) {
		names = append(names, info.Name)
	}
	return Info{}, fmt.Errorf("sampler: name: have %q, want one of %s", name, strings.Join(names, ", "))
}

// Nearest is [Names] in another order: those first that name, which ByName does not
// know, may have meant.
func Nearest(name string) []Info {
	list := Names()
	spelling.Sort(list, plain(name), func(info Info) []string {
		names := []string{plain(info.Name), plain(info.Class)}
		for _, alias := range info.Aliases {
			names = append(names, plain(alias))
		}
		return names
	})
	return list
}

// has says whether the name or an alias matches.
func (info Info) has(match func(name string) bool) bool {
	return match(info.Name) || slices.ContainsFunc(info.Aliases, match)
}

// plain reduces a name to its lower-case letters and digits.
func plain(name string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "++", "pp")
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, name)
}
