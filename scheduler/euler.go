package scheduler

import "math"

var _ = register(class{
	name: "EulerDiscreteScheduler",
	defaults: trained + `, "interpolation_type": "linear"` + curves + between +
		linspaced + `, "timestep_type": "discrete"` + zeroSNR + `, "final_sigmas_type": "zero"`,
	predictions: anyPrediction,
	levels:      sigmaLevels{}.schedule,
	complete: func(c *Config, s *Solver, _ *table) {
		if c.InterpolationType == "log_linear" && len(c.curveFlags()) == 0 {
			s.Steps++ // diffusers' list has a level more, over which churn is spread
		}
	},
})

var _ = register(class{
	name:        "EulerAncestralDiscreteScheduler",
	defaults:    trained + linspaced + zeroSNR,
	predictions: epsOrV,
	levels:      sigmaLevels{}.schedule,
})

var _ = register(class{
	name:        "LMSDiscreteScheduler",
	defaults:    trained + curves + between + linspaced,
	predictions: anyPrediction,
	levels:      sigmaLevels{karrasOfSpacing: true}.schedule,
})

var _ = register(class{
	name:        heunClass,
	defaults:    trainedSD + curves + between + `, "clip_sample": false` + clipping + linspaced,
	predictions: anyPrediction,
	levels:      sigmaLevels{}.schedule,
})

var _ = register(class{
	name:        dpm2Class,
	defaults:    trainedSD + curves + between + linspaced,
	predictions: epsOrV,
	levels:      sigmaLevels{karrasOfWholeTimes: true}.schedule,
})

var _ = register(class{
	name:        dpm2AncestralClass,
	defaults:    trainedSD + curves + between + linspaced,
	predictions: epsOrV,
	levels:      sigmaLevels{karrasOfWholeTimes: true}.schedule,
})

var _ = register(class{
	name:        dpmSDEClass,
	defaults:    trainedSD + curves + between + `, "noise_sampler_seed": null` + linspaced,
	predictions: epsOrV,
	levels:      sigmaLevels{karrasOfSpacing: true}.schedule,
})

// sigmaLevels are those of EulerDiscreteScheduler and its relatives, which work in
// sigmas, with what the relatives have of their own.
type sigmaLevels struct {
	karrasOfSpacing    bool // Karras sigmas lie between the spaced levels whatever sigma_min and sigma_max say
	karrasOfWholeTimes bool // the timesteps of Karras sigmas are rounded
}

// schedule has timesteps that need not be whole, or a curve between the first and the
// last of their sigmas.
func (l sigmaLevels) schedule(c *Config, t *table, steps int) (*Schedule, error) {
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
	fixed := c.UseKarrasSigmas && l.karrasOfSpacing
	if c.SigmaMax != nil && !fixed {
		high = *c.SigmaMax
	}
	if c.SigmaMin != nil && !fixed {
		low = *c.SigmaMin
	}
	if curve := c.curve(low, high, steps); curve != nil {
		sigmas = curve
		for i, sigma := range sigmas {
			ts[i] = f32(t.timestep(sigma))
			if c.UseKarrasSigmas && l.karrasOfWholeTimes {
				ts[i] = math.RoundToEven(ts[i])
			}
		}
		if final = 0; c.FinalSigmasType == "sigma_min" {
			final = t.min()
		}
	}
	return &Schedule{Timesteps: ts, Sigmas: roundSigmas(sigmas, final)}, nil
}
