package scheduler

// The keys of the classes with the preconditioning of Karras et al. (2022), which have
// no training levels: see Schedule.SigmaData.
const edm = `"num_train_timesteps": 1000, "prediction_type": "epsilon", "sigma_min": 0.002, "sigma_max": 80.0, "sigma_data": 0.5, "sigma_schedule": "karras", "rho": 7.0, "final_sigmas_type": "zero"`

var _ = register(class{
	name:        "EDMEulerScheduler",
	defaults:    edm,
	form:        preconditioned,
	predictions: epsOrV,
	check:       checkEDM,
	levels: func(c *Config, _ *table, steps int) (*Schedule, error) {
		sigmas := edmSigmas(c, steps)
		return edmSchedule(c, sigmas, sigmas[steps-1]), nil
	},
	complete: completeEDM,
})

var _ = register(class{
	name:        "EDMDPMSolverMultistepScheduler",
	defaults:    edm + threshold + `, "solver_order": 2, "algorithm_type": "dpmsolver++", "solver_type": "midpoint", "lower_order_final": true, "euler_at_final": false`,
	form:        preconditioned,
	predictions: epsOrV,
	algorithms:  []string{"dpmsolver++", "sde-dpmsolver++"},
	foreign:     []string{"deis"},
	types:       []string{"midpoint", "heun"},
	check:       checkEDM,
	levels: func(c *Config, _ *table, steps int) (*Schedule, error) {
		return edmSchedule(c, edmSigmas(c, steps), *c.SigmaMin), nil
	},
	complete: func(c *Config, s *Solver, t *table) {
		completeEDM(c, s, t)
		lowerOrderOfFewSteps(c, s, t)
	},
})

func checkEDM(c *Config, k *checker) {
	if c.SigmaMin == nil || c.SigmaMax == nil || *c.SigmaMin >= *c.SigmaMax {
		k.bad("sigma_min", "no less than sigma_max, or null", "both, and sigma_min the lower")
	}
}

func completeEDM(c *Config, s *Solver, _ *table) { s.SigmaData = c.SigmaData }

// edmSigmas is a curve between sigma_min and sigma_max, which the config gives.
func edmSigmas(c *Config, steps int) []float64 {
	low, high := *c.SigmaMin, *c.SigmaMax
	if c.SigmaSchedule == "karras" {
		return karras(low, high, c.Rho, steps)
	}
	if steps == 1 {
		return []float64{low} // diffusers lists this curve from below
	}
	return exponential(low, high, steps)
}

// edmSchedule ends at zero, or at lowest. Its timesteps follow from the sigmas.
func edmSchedule(c *Config, sigmas []float64, lowest float64) *Schedule {
	final := 0.0
	if c.FinalSigmasType == "sigma_min" {
		final = lowest
	}
	return &Schedule{Timesteps: make([]float64, len(sigmas)), Sigmas: roundSigmas(sigmas, final)}
}
