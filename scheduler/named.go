package scheduler

import "fmt"

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
	class := c.class()
	if form := class.form; form == preconditioned || form == flowing && !class.has(info.flag) {
		return nil, fmt.Errorf("scheduler: schedule: have %q, which %s, having no training levels, cannot follow", name, c.Class)
	}
	other := *c
	other.onlyCurve("")
	if info.spacing != "" {
		if !class.has("timestep_spacing") {
			return nil, fmt.Errorf("scheduler: schedule: have %q, which %s does not have", name, c.Class)
		}
		other.TimestepSpacing = info.spacing
		return other.Schedule(steps)
	}
	flag := info.flag
	if info.full != "" && class.curvesSpanAll() {
		flag, other.SigmaMin, other.SigmaMax = info.full, nil, nil
		if !c.combinesNoise() {
			other.FinalSigmasType = "zero"
		}
	}
	if class.has(flag) {
		other.onlyCurve(flag)
		return other.Schedule(steps)
	}
	return other.listNamed(info, steps)
}

// listNamed is the schedule of the sigmas that the name lists.
func (c *Config) listNamed(info Info, steps int) (*Schedule, error) {
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
	return c.list(t, sigmas)
}
