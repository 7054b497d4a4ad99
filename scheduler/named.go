package scheduler

import (
	"fmt"
	"math"
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

// ScheduleNamed is [Config.Schedule] with another choice of levels, by name: one
// of [Names] or an alias of it; case and punctuation do not count. An empty name
// means what the config says, an unknown one is an error that lists the nearest
// first.
//
// linspace, leading and trailing are values of timestep_spacing. karras,
// exponential, beta_sigma and lu are the keys use_karras_sigmas and so on where
// the config's class has that key, and then as diffusers has them: Karras sigmas
// of EulerDiscreteScheduler, for one, lie between the first and last of its spaced
// levels (of 10 leading steps of Stable Diffusion from 8.39 to 0.041) and not of
// all training levels (14.61 to 0.029). The same names with "_full" are WebUI's and
// k-diffusion's, between the ends of all training levels in any class, and the labels
// that sampler.ParseLabel reads ("Euler Karras") mean these. All others list sigmas
// between training levels, as k-diffusion and ComfyUI do, and then zero.
//
// Names that programs use for different levels are ComfyUI's here, and those of
// stable-diffusion.cpp, which follows it. WebUI means by "beta", which chooses
// timesteps, what is "beta_sigma" here and use_beta_sigmas in diffusers, and by
// "kl_optimal" what is "kl_optimal_open" here; a label with a sampler in it, as only
// WebUI writes them, gets these (see sampler.ParseLabel). "align_your_steps" is
// WebUI's name alone: ComfyUI's node and stable-diffusion.cpp have "ays", which ends
// otherwise. "polyexponential" is k-diffusion's with its default ρ of 1.
func (c *Config) ScheduleNamed(name string, steps int) (*Schedule, error) {
	if name == "" {
		return c.Schedule(steps)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	info, err := Lookup(name)
	if err != nil {
		return nil, err
	}
	if _, ok := classes[c.Class].defaultKeys()[info.flag]; c.edm() || c.flow() && !ok {
		return nil, fmt.Errorf("scheduler: schedule: have %q, which %s, having no training levels, cannot follow", name, c.Class)
	}
	keys := classes[c.Class].defaultKeys()
	other := *c
	other.UseKarrasSigmas, other.UseExponentialSigmas, other.UseBetaSigmas, other.UseLuLambdas = false, false, false, false
	if info.spacing != "" {
		if _, ok := keys["timestep_spacing"]; !ok {
			return nil, fmt.Errorf("scheduler: schedule: have %q, which %s does not have", name, c.Class)
		}
		other.TimestepSpacing = info.spacing
		return other.Schedule(steps)
	}
	flag := info.flag
	if info.full != "" && classes[c.Class].curvesSpanAll() {
		flag, other.SigmaMin, other.SigmaMax = info.full, nil, nil
		if c.AlgorithmType != "dpmsolver" && c.AlgorithmType != "sde-dpmsolver" { // these cannot reach zero
			other.FinalSigmasType = "zero"
		}
	}
	if _, ok := keys[flag]; ok {
		switch flag {
		case "use_karras_sigmas":
			other.UseKarrasSigmas = true
		case "use_exponential_sigmas":
			other.UseExponentialSigmas = true
		case "use_beta_sigmas":
			other.UseBetaSigmas = true
		case "use_lu_lambdas":
			other.UseLuLambdas = true
		}
		return other.Schedule(steps)
	}

	if err := c.checkSteps(steps); err != nil {
		return nil, err
	}
	t, err := c.table(false)
	if err != nil {
		return nil, err
	}
	sigmas, err := info.levels(t, steps)
	if err != nil {
		return nil, err
	}
	if !info.open {
		sigmas = append(sigmas, 0)
	}
	return other.list(t, sigmas)
}

// Custom is a schedule of the caller's own noise levels: positive and decreasing,
// the last possibly zero, 2 to 10,001 of them. They are rounded to float32.
func (c *Config) Custom(sigmas []float64) (*Schedule, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := checkCustom(sigmas); err != nil {
		return nil, err
	}
	if c.edm() || c.flow() {
		s := &Schedule{Sigmas: slices.Clone(sigmas), Timesteps: make([]float64, len(sigmas)-1)}
		if err := c.checkLevels(s); err != nil {
			return nil, err
		}
		for i, sigma := range s.Sigmas[:len(s.Timesteps)] {
			s.Timesteps[i] = sigma / (1 + sigma) * float64(c.NumTrainTimesteps) // of flow; EDM's follow
		}
		c.finish(s, nil, len(s.Timesteps))
		return s, nil
	}
	t, err := c.table(false)
	if err != nil {
		return nil, err
	}
	return c.list(t, slices.Clone(sigmas))
}

// maxCustomSteps is ten times the steps that a named schedule of a model has at most.
const maxCustomSteps = 10_000

// checkCustom checks a caller's own levels.
func checkCustom(sigmas []float64) error {
	last := len(sigmas) - 1
	if last < 1 || last > maxCustomSteps {
		return fmt.Errorf("scheduler: sigmas: have %d, want 2 to %d", len(sigmas), maxCustomSteps+1)
	}
	for i, sigma := range sigmas {
		rounded := f32(sigma)
		if !(rounded >= 0) || math.IsInf(rounded, 1) || rounded == 0 && i < last || math.Signbit(sigma) && sigma != 0 {
			return fmt.Errorf("scheduler: sigmas: number %d is %g, want finite levels above zero, of which the last may be zero", i, sigma)
		}
		if i == 0 || rounded < f32(sigmas[i-1]) {
			continue
		}
		if i < last || rounded > f32(sigmas[i-1]) {
			return fmt.Errorf("scheduler: sigmas: number %d is %g after %g, want levels that decrease, from the noisiest to the last", i, sigma, sigmas[i-1])
		}
	}
	return nil
}

// list makes a schedule of sigmas.
func (c *Config) list(t *table, sigmas []float64) (*Schedule, error) {
	for i, sigma := range sigmas {
		sigmas[i] = f32(sigma)
	}
	if c.Class == "PNDMScheduler" && len(sigmas) > 2 {
		sigmas = slices.Insert(sigmas, 1, sigmas[1])
	}
	if c.Class == "PNDMScheduler" && !c.SkipPRKSteps {
		return nil, fmt.Errorf("scheduler: PNDMScheduler: skip_prk_steps: have false, want true with levels other than its own")
	}
	s := &Schedule{Sigmas: sigmas}
	for _, sigma := range sigmas[:len(sigmas)-1] {
		timestep := t.timestep(sigma)
		if i, ok := slices.BinarySearch(t.sigmas, sigma); ok {
			timestep = float64(i) // without the rounding of logarithms
		}
		s.Timesteps = append(s.Timesteps, timestep)
	}
	steps := len(s.Timesteps)
	if c.Class == "PNDMScheduler" && steps > 1 {
		steps--
	}
	if err := c.checkLevels(s); err != nil {
		return nil, err
	}
	c.finish(s, t, steps)
	return s, nil
}

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
