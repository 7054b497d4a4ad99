package sampler

import (
	"context"
	"fmt"
	"math"
)

// TCD samples a trajectory consistency model (Zheng et al. 2024, Algorithm 4):
// each step goes below the next level, to a time (1−γ) of it, and adds fresh noise
// up to it. Gamma 0 is DDIM.
//
// https://arxiv.org/abs/2402.19159
type TCD struct {
	Gamma float64 // 0 to 1; diffusers calls it eta and has 0.3

	// Timesteps is the model's time at each step and Levels the sigma of every
	// training timestep; the last step goes to the first of them. Without them a
	// step goes to (1−γ) of the next sigma.
	Timesteps []float64
	Levels    []float64
}

// tcdGamma is the default of diffusers.
const tcdGamma = 0.3

func (TCD) name() string { return "tcd" }

func (s TCD) fit(c Solver) TCD {
	return ofClass(s, s.Gamma == tcdGamma && s.Timesteps == nil && s.Levels == nil, c)
}

// Sample implements [Sampler].
func (s TCD) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	s = fitting(ctx, s, sigmas)
	denoise, err := begin(ctx, "tcd", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if err := checkEta("tcd", s.Gamma, noise); err != nil {
		return err
	}
	steps := len(sigmas) - 1
	if s.Levels != nil {
		if len(s.Timesteps) != steps {
			return fmt.Errorf("sampler: tcd: have %d timesteps, want one for each of %d steps", len(s.Timesteps), steps)
		}
		for i, t := range s.Timesteps {
			if !(t >= 0 && t < float64(len(s.Levels))) {
				return fmt.Errorf("sampler: tcd: timestep %d is %g, want 0 to %d", i, t, len(s.Levels)-1)
			}
		}
	}
	fresh := make([]float32, len(x))
	for i := range steps {
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		down := (1 - s.Gamma) * next
		if s.Levels != nil {
			down = s.Levels[0]
			if i+1 < steps {
				down = s.Levels[int((1-s.Gamma)*s.Timesteps[i+1])]
			}
		}
		down = math.Min(down, next)
		eulerStep(ctx, x, x, est.Denoised, sigma, down)
		if s.Gamma > 0 && down < next {
			noise(fresh)
			addScaled(ctx, x, x, math.Sqrt((next-down)*(next+down)), fresh)
		}
	}
	return ctx.Err()
}
