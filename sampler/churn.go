package sampler

import (
	"cmp"
	"context"
	"fmt"
	"math"
)

// Churn adds noise before each step of a deterministic sampler and so lifts x to
// a higher level, from which the step starts: the stochastic sampler of Karras et
// al. (2022), Algorithm 2. Its zero value adds none.
//
// https://arxiv.org/abs/2206.00364
type Churn struct {
	S      float64 // S_churn: how much noise over the whole run. Not negative
	TMin   float64 // S_tmin: the lowest level at which noise is added
	TMax   float64 // S_tmax: the highest. Zero means no limit
	SNoise float64 // scale of the noise. Zero means 1
}

func (c Churn) check(name string, noise Noise) error {
	if !(c.S >= 0) || math.IsInf(c.S, 1) {
		return fmt.Errorf("sampler: %s: churn: have %g, want a number from 0", name, c.S)
	}
	if c.S > 0 {
		return needNoise(name, noise)
	}
	return nil
}

// gamma is the relative rise of the level at a step.
func (c Churn) gamma(sigma float64, steps int) float64 {
	if sigma < c.TMin || c.TMax > 0 && sigma > c.TMax {
		return 0
	}
	return math.Min(c.S/float64(steps), math.Sqrt2-1)
}

// lift adds the noise to x and returns its new level. It draws noise at every
// step of a run with churn, as k-diffusion does, used or not.
func (c Churn) lift(ctx context.Context, x, fresh []float32, sigma float64, steps int, noise Noise) float64 {
	if c.S == 0 {
		return sigma
	}
	noise(fresh)
	gamma := c.gamma(sigma, steps)
	if gamma > 0 {
		addScaled(ctx, x, x, liftNoise(sigma, gamma)*cmp.Or(c.SNoise, 1), fresh)
	}
	return sigma * (1 + gamma)
}

// liftNoise is the noise between sigma and sigma·(1+gamma): √(σ̂² − σ²).
func liftNoise(sigma, gamma float64) float64 { return sigma * math.Sqrt(gamma*(2+gamma)) }
