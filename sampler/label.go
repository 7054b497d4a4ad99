package sampler

import "strings"

// schedules are the endings by which labels of other programs name a schedule, and
// its name in package scheduler. Of endings that end alike the longer comes first.
var schedules = []struct{ ending, name string }{
	{"karrasexponential", "karras_exponential"},
	{"alignyourstepsgits", "align_your_steps_gits"},
	{"alignyoursteps32", "align_your_steps_32"},
	{"alignyoursteps11", "align_your_steps"},
	{"linearquadratic", "linear_quadratic"},
	{"alignyoursteps", "align_your_steps"},
	{"polyexponential", "exponential_full"},
	{"exponential", "exponential_full"},
	{"ddimuniform", "ddim_uniform"},
	{"sgmuniform", "sgm_uniform"},
	{"bongtangent", "bong_tangent"},
	{"smoothstep", "smoothstep"},
	{"kloptimal", "kl_optimal_open"},
	{"automatic", "normal"},
	{"betasigma", "beta_sigma_full"},
	{"discrete", "normal"},
	{"linspace", "linspace"},
	{"trailing", "trailing"},
	{"uniform", "normal"},
	{"leading", "leading"},
	{"karras", "karras_full"},
	{"normal", "normal"},
	{"simple", "simple"},
	{"sdturbo", "turbo"},
	{"laplace", "laplace"},
	{"turbo", "turbo"},
	{"ddim", "ddim_uniform"},
	{"beta", "beta_sigma_full"},
	{"gits", "gits"},
	{"ays", "ays"},
	{"lcm", "lcm"},
	{"vp", "vp"},
	{"lu", "lu"},
	{"ka", "karras_full"},
}

// ParseLabel reads a label that names a sampler and perhaps a schedule, such as
// "DPM++ 2M SDE Karras" or "k_dpmpp_2m_ka". The schedule is a name for
// scheduler.Config's ScheduleNamed, or empty.
//
// Labels with both are Stable Diffusion WebUI's, and so are the meanings of their
// schedules where programs differ. "Karras", "Exponential" and "Beta" are karras_full,
// exponential_full and beta_sigma_full, between the ends of the model's training
// levels (14.61 to 0.029 of Stable Diffusion's), and "KL Optimal" is kl_optimal_open,
// while ScheduleNamed has ComfyUI's "beta" and "kl_optimal". After the name of a class
// of diffusers ("EulerDiscreteScheduler Karras") they are diffusers' flags instead:
// karras, exponential and beta_sigma.
func ParseLabel(label string) (info Info, schedule string, err error) {
	if info, err = Lookup(label); err == nil {
		return info, "", nil
	}
	key := plain(label)
	for _, s := range schedules {
		if rest, ok := strings.CutSuffix(key, s.ending); ok {
			if info, short := Lookup(rest); short == nil {
				name := s.name
				if strings.HasSuffix(rest, "scheduler") {
					name = strings.TrimSuffix(name, "_full")
				}
				return info, name, nil
			}
		}
	}
	return Info{}, "", err
}
