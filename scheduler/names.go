package scheduler

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"sdgo/internal/spelling"
)

// Info describes a schedule that has a name.
type Info struct {
	Name        string // canonical
	Description string // one line
	Aliases     []string

	// spacing is a value of timestep_spacing.
	spacing string
	// flag turns on a curve in the classes that have it; they run it between
	// levels of their own.
	flag string
	// full is a flag whose curve runs between the ends of all training levels. The
	// classes whose levels are those anyway use it, the others levels.
	full string
	// levels lists the sigmas of a run from the training levels, down to but
	// without a final zero. Classes without the flag use it.
	levels func(t *table, steps int) ([]float64, error)
	// open says that the last of levels is where the run ends: no zero follows.
	open bool
}

// Kept in the order in which they are listed to a user.
var named = []Info{
	{Name: "linspace", Description: "evenly spaced times from the last to the first", spacing: "linspace"},
	{Name: "leading", Description: "evenly spaced times from the first up (Stable Diffusion v1)", spacing: "leading"},
	{Name: "trailing", Description: "evenly spaced times from the last down", spacing: "trailing"},
	{Name: "karras", Description: "evenly spaced in σ^(1/7) (Karras et al. 2022)", flag: "use_karras_sigmas", levels: betweenEnds(func(low, high float64, n int) []float64 { return karras(low, high, karrasRho, n) })},
	{Name: "exponential", Description: "evenly spaced in log σ", Aliases: []string{"polyexponential"}, flag: "use_exponential_sigmas", levels: betweenEnds(exponential)},
	{Name: "beta_sigma", Description: "sigmas crowded at both ends by a Beta distribution (diffusers, WebUI)", flag: "use_beta_sigmas", levels: betweenEnds(betaSigmas)},
	{Name: "karras_full", Description: "karras between the ends of all training levels, in any class (WebUI's Karras)", full: "use_karras_sigmas", levels: betweenEnds(func(low, high float64, n int) []float64 { return karras(low, high, karrasRho, n) })},
	{Name: "exponential_full", Description: "exponential between the same ends (WebUI's Exponential)", Aliases: []string{"polyexponential_full"}, full: "use_exponential_sigmas", levels: betweenEnds(exponential)},
	{Name: "beta_sigma_full", Description: "beta_sigma between the same ends (WebUI's Beta)", full: "use_beta_sigmas", levels: betweenEnds(betaSigmas)},
	{Name: "lu", Description: "evenly spaced in λ (Lu et al. 2022)", Aliases: []string{"lu_lambdas"}, flag: "use_lu_lambdas", levels: betweenEnds(exponential)},
	{Name: "normal", Description: "evenly spaced times, sigmas between them by log σ (k-diffusion)", Aliases: []string{"discrete", "uniform", "automatic"}, levels: normalLevels},
	{Name: "simple", Description: "every so many training levels from the noisiest (ComfyUI)", levels: simpleLevels},
	{Name: "sgm_uniform", Description: "as normal with one level more, which is left out (Stability)", levels: sgmUniformLevels},
	{Name: "ddim_uniform", Description: "every so many training levels from the second (ComfyUI); may be a step longer", Aliases: []string{"ddim"}, levels: ddimUniformLevels},
	{Name: "beta", Description: "times crowded at both ends by a Beta distribution (Lee et al. 2024); may be shorter", levels: betaTimeLevels},
	{Name: "kl_optimal", Description: "evenly spaced in arctan σ (Sabour et al. 2024)", levels: betweenEnds(klOptimal)},
	{Name: "kl_optimal_open", Description: "the same to σ_min and not to zero (WebUI's KL Optimal)", levels: klOptimalOpen, open: true},
	{Name: "ays", Description: "Align Your Steps for Stable Diffusion v1 (Sabour et al. 2024)", Aliases: []string{"align_your_steps_scheduler"}, levels: alignYourSteps(aysSD1)},
	{Name: "ays_sdxl", Description: "Align Your Steps for SDXL", levels: alignYourSteps(aysSDXL)},
	{Name: "align_your_steps", Description: "Align Your Steps for Stable Diffusion v1, then zero (WebUI)", Aliases: []string{"align_your_steps_11", "ays_11"}, levels: thenZero(webUI11)},
	{Name: "align_your_steps_32", Description: "the same from a table of 32 levels (WebUI)", Aliases: []string{"ays_32"}, levels: thenZero(webUI32)},
	{Name: "align_your_steps_gits", Description: "of the curvature of paths, then zero (WebUI)", Aliases: []string{"ays_gits"}, levels: thenZero(webUIGITS)},
	{Name: "gits", Description: "of the curvature of paths, for Stable Diffusion v1 (Chen et al. 2024)", levels: gitsLevels},
	{Name: "lcm", Description: "for latent consistency models, at most 50 steps", levels: lcmLevels},
	{Name: "turbo", Description: "for SD-Turbo, at most 10 steps", Aliases: []string{"sd_turbo"}, levels: turboLevels},
	{Name: "vp", Description: "of a continuous variance-preserving process, to σ 152 (k-diffusion)", levels: vpLevels},
	{Name: "smoothstep", Description: "times crowded at both ends by a cubic (stable-diffusion.cpp); may be shorter", levels: smoothstepLevels},
	{Name: "bong_tangent", Description: "sigmas by two arctangents (RES4LYF, stable-diffusion.cpp)", levels: betweenEnds(bongTangent)},
	{Name: "karras_exponential", Description: "karras with some of exponential, one step shorter and not to zero (WebUI)", levels: karrasExponential, open: true},
	{Name: "laplace", Description: "log σ by a Laplace distribution (Hang et al. 2024)", levels: betweenEnds(laplace)},
	{Name: "linear_quadratic", Description: "linear, then quadratic in σ (ComfyUI)", levels: linearQuadraticLevels},
}

// Names lists the schedules that ScheduleNamed knows.
func Names() []Info { return slices.Clone(named) }

// Lookup returns the description of a named schedule.
func Lookup(name string) (Info, error) {
	key := plain(name)
	for _, info := range named {
		if plain(info.Name) == key || info.flag != "" && plain(info.flag) == key || slices.ContainsFunc(info.Aliases, func(a string) bool { return plain(a) == key }) {
			return info, nil
		}
	}
	var names []string
	for _, info := range Nearest(name) {
		names = append(names, info.Name)
	}
	return Info{}, fmt.Errorf("scheduler: schedule: have %q, want one of %s", name, strings.Join(names, ", "))
}

// Nearest is [Names] in another order: those first that name, which ScheduleNamed
// does not know, may have meant.
func Nearest(name string) []Info {
	list := Names()
	spelling.Sort(list, plain(name), func(info Info) []string {
		names := []string{plain(info.Name)}
		for _, alias := range info.Aliases {
			names = append(names, plain(alias))
		}
		return names
	})
	return list
}

// plain reduces a name to its lower-case letters and digits.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}
