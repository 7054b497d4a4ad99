package scheduler

import "math"

// sigmaSchedule is that of EulerDiscreteScheduler and its relatives, which work in
// sigmas: timesteps that need not be whole, or a curve between the first and the
// last of their sigmas.
func sigmaSchedule(c *Config, t *table, steps int) (*Schedule, error) {
	ts, err := c.spacedTimesteps(steps, false)
	if err != nil {
		return nil, err
	}
	sigmas := make([]float64, steps)
	for i, timestep := range ts {
		sigmas[i] = t.sigma(timestep)
	}
	final := 0.0
	if c.FinalSigmasType == "sigma_min" {
		final = t.min()
	}
	if c.InterpolationType == "log_linear" { // one sigma more: diffusers never gets to its own last
		sigmas = linspace32(math.Log(t.max()), math.Log(t.min()), steps+1)
		for i, l := range sigmas {
			sigmas[i] = f32(math.Exp(l))
		}
		sigmas, final = sigmas[:steps], sigmas[steps]
	}

	high, low := sigmas[0], sigmas[steps-1]
	if c.InterpolationType == "log_linear" {
		low = final
	}
	// two classes put Karras sigmas between the spaced levels whatever the config says
	own := c.UseKarrasSigmas && (c.Class == "LMSDiscreteScheduler" || c.Class == "DPMSolverSDEScheduler")
	if c.SigmaMax != nil && !own {
		high = *c.SigmaMax
	}
	if c.SigmaMin != nil && !own {
		low = *c.SigmaMin
	}
	// KDPM2 alone rounds the timesteps of Karras sigmas
	rounded := c.UseKarrasSigmas && (c.Class == "KDPM2DiscreteScheduler" || c.Class == "KDPM2AncestralDiscreteScheduler")
	if curve := c.curve(low, high, steps); curve != nil {
		sigmas = curve
		for i, sigma := range sigmas {
			ts[i] = f32(t.timestep(sigma))
			if rounded {
				ts[i] = math.RoundToEven(ts[i])
			}
		}
		if final = 0; c.FinalSigmasType == "sigma_min" {
			final = t.min()
		}
	}
	return &Schedule{Timesteps: ts, Sigmas: roundSigmas(sigmas, final)}, nil
}

// curve returns the sigmas of the use_*_sigmas key that is on, or nil.
func (c *Config) curve(low, high float64, steps int) []float64 {
	switch {
	case c.UseKarrasSigmas:
		return karras(low, high, karrasRho, steps)
	case c.UseExponentialSigmas:
		return exponential(low, high, steps)
	case c.UseBetaSigmas:
		return betaSigmas(low, high, steps)
	}
	return nil
}

// roundSigmas appends the final level and rounds to float32, as the lists of
// diffusers are.
func roundSigmas(sigmas []float64, final float64) []float64 {
	rounded := make([]float64, 0, len(sigmas)+1)
	for _, sigma := range sigmas {
		rounded = append(rounded, f32(sigma))
	}
	return append(rounded, f32(final))
}
