package scheduler

// flow says whether the class has no training levels but the straight paths of
// flow matching.
func (c *Config) flow() bool { return c.Class == "FlowMatchEulerDiscreteScheduler" }

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
