package scheduler

// edm says whether the class has the preconditioning of Karras et al. (2022), and
// so no training levels.
func (c *Config) edm() bool {
	return c.Class == "EDMEulerScheduler" || c.Class == "EDMDPMSolverMultistepScheduler"
}

// edmSchedule is that of EDMEulerScheduler and EDMDPMSolverMultistepScheduler: a
// curve between sigma_min and sigma_max, which the config gives.
func edmSchedule(c *Config, _ *table, steps int) (*Schedule, error) {
	low, high := *c.SigmaMin, *c.SigmaMax
	var sigmas []float64
	if c.SigmaSchedule == "karras" {
		sigmas = karras(low, high, c.Rho, steps)
	} else if sigmas = exponential(low, high, steps); steps == 1 {
		sigmas = []float64{low} // diffusers lists this curve from below
	}
	final := 0.0
	if c.FinalSigmasType == "sigma_min" {
		final = low
		if c.Class == "EDMEulerScheduler" {
			final = sigmas[steps-1]
		}
	}
	s := &Schedule{Timesteps: make([]float64, steps), Sigmas: roundSigmas(sigmas, final)}
	return s, nil // the timesteps follow from the sigmas
}
