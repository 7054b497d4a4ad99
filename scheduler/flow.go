package scheduler

var _ = register(class{
	name: "FlowMatchEulerDiscreteScheduler",
	defaults: `"num_train_timesteps": 1000, "shift": 1.0, "use_dynamic_shifting": false, "base_shift": 0.5, "max_shift": 1.15,
		"base_image_seq_len": 256, "max_image_seq_len": 4096, "invert_sigmas": false, "shift_terminal": null,
		"time_shift_type": "exponential", "stochastic_sampling": false` + curves,
	form: flowing,
	check: func(c *Config, k *checker) {
		if t := c.ShiftTerminal; t != nil && !(*t > 0 && *t < 1) {
			k.bad("shift_terminal", *t, "a number between 0 and 1, or null")
		}
	},
	levels:   flowSchedule,
	complete: func(c *Config, s *Solver, _ *table) { s.Stochastic = c.Stochastic },
})

// flowPrediction is what a model of that kind gives: ε − x₀.
const flowPrediction = "flow_prediction"

// flowSchedule is FlowMatchEulerDiscreteScheduler's. Its levels are shares s of
// noise in (1−s)·x₀ + s·ε, evenly spaced and then shifted towards noise (Esser et
// al. 2024, equation 23). diffusers shifts the ends before it spaces the levels and
// all levels after, which shifts the ends twice; so do we.
//
// https://arxiv.org/abs/2403.03206
func flowSchedule(c *Config, _ *table, steps int) (*Schedule, error) {
	shift := func(s float64) float64 { return c.Shift * s / (1 + (c.Shift-1)*s) }
	train := float64(c.NumTrainTimesteps)
	high, low := f32(shift(1)), f32(shift(1/train))
	shares := make([]float64, steps)
	for i := range shares {
		shares[i] = shift(evenly(high*train, low*train, i, steps) / train)
	}
	if c.ShiftTerminal != nil {
		scale := (1 - shares[steps-1]) / (1 - *c.ShiftTerminal)
		for i, s := range shares {
			shares[i] = 1 - (1-s)/scale
		}
	}
	if curve := c.curve(shares[steps-1], shares[0], steps); curve != nil {
		shares = curve
	}
	s := &Schedule{}
	for _, share := range shares {
		share = f32(share)
		s.Timesteps = append(s.Timesteps, f32(share*train))
		sigma := noSignal
		if share < 1 {
			sigma = share / (1 - share)
		}
		s.Sigmas = append(s.Sigmas, sigma)
	}
	s.Sigmas = append(s.Sigmas, 0)
	return s, nil
}
