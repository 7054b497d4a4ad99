package sampler

import "strings"

// schedules are the endings by which labels of other programs name a schedule, and
// its name in package scheduler. The longest comes first.
var schedules = []struct{ ending, name string }{
	{"linearquadratic", "linear_quadratic"},
	{"alignyoursteps", "ays"},
	{"polyexponential", "exponential"},
	{"exponential", "exponential"},
	{"ddimuniform", "ddim_uniform"},
	{"sgmuniform", "sgm_uniform"},
	{"kloptimal", "kl_optimal"},
	{"automatic", "normal"},
	{"betasigma", "beta_sigma"},
	{"discrete", "normal"},
	{"linspace", "linspace"},
	{"trailing", "trailing"},
	{"uniform", "normal"},
	{"leading", "leading"},
	{"karras", "karras"},
	{"normal", "normal"},
	{"simple", "simple"},
	{"sdturbo", "turbo"},
	{"laplace", "laplace"},
	{"turbo", "turbo"},
	{"ddim", "ddim_uniform"},
	{"beta", "beta"},
	{"ays", "ays"},
	{"lcm", "lcm"},
	{"vp", "vp"},
	{"lu", "lu"},
	{"ka", "karras"},
}

// ParseLabel reads a label that names a sampler and perhaps a schedule, such as
// "DPM++ 2M SDE Karras" or "k_dpmpp_2m_ka". The schedule is a name for
// scheduler.Config's ScheduleNamed, or empty.
func ParseLabel(label string) (info Info, schedule string, err error) {
	if info, err = Lookup(label); err == nil {
		return info, "", nil
	}
	key := plain(label)
	for _, s := range schedules {
		if rest, ok := strings.CutSuffix(key, s.ending); ok {
			if info, short := Lookup(rest); short == nil {
				return info, s.name, nil
			}
		}
	}
	return Info{}, "", err
}
