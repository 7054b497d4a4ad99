package scheduler

var _ = register(class{
	name:        "DDPMScheduler",
	aliases:     []string{"DDPMParallelScheduler"},
	defaults:    trained + threshold + `, "clip_sample": true` + clipping + `, "variance_type": "fixed_small"` + leading + zeroSNR,
	form:        variancePreserving,
	exact:       true,
	predictions: anyPrediction,
	check: func(c *Config, k *checker) {
		if c.VarianceType != nil { // null, which the solvers' files have, is fixed_small
			k.oneOf("variance_type", *c.VarianceType, "fixed_small", "fixed_small_log", "fixed_large")
		}
	},
	levels: ddpmSchedule,
	complete: func(c *Config, s *Solver, _ *table) {
		if c.VarianceType != nil {
			s.Variance = *c.VarianceType
		}
	},
})

// ddpmSchedule is DDPMScheduler's: whole timesteps, each step going to the next
// and the last to zero.
func ddpmSchedule(c *Config, t *table, steps int) (*Schedule, error) {
	ts, err := c.spacedTimesteps(steps, true)
	if err != nil {
		return nil, err
	}
	if err := c.checkTimesteps(ts); err != nil {
		return nil, err
	}
	s := &Schedule{Timesteps: ts}
	for _, timestep := range ts {
		s.Sigmas = append(s.Sigmas, t.sigmas[int(timestep)])
	}
	s.Sigmas = append(s.Sigmas, 0)
	return s, nil
}
