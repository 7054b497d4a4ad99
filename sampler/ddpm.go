package sampler

import (
	"context"
	"math"
)

// DDPM is ancestral sampling of Ho et al. (2020), Algorithm 2, over any subset of
// the levels: x is drawn from the posterior of the next level given this one and
// the estimate of the clean latents.
//
// https://arxiv.org/abs/2006.11239
type DDPM struct {
	// LargeVariance takes β for the variance (diffusers' fixed_large), the upper
	// of the two bounds of Ho et al., section 3.2, and not the posterior's.
	LargeVariance bool

	// NoiseAtEnd adds noise on a step to zero too, as diffusers does with
	// fixed_large unless its last timestep is 0.
	NoiseAtEnd bool
}

func (DDPM) name() string { return "ddpm" }

func (s DDPM) fit(c Solver) DDPM {
	return ofClass(s, s == DDPM{}, c)
}

// Sample implements [Sampler].
func (s DDPM) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	s = fitting(ctx, s, sigmas)
	denoise, err := begin(ctx, "ddpm", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if err := needNoise("ddpm", noise); err != nil {
		return err
	}
	fresh := make([]float32, len(x))
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		down, up := ancestralStep(sigma, next, 1)
		eulerStep(ctx, x, x, est.Denoised, sigma, down)
		if s.LargeVariance && (next > 0 || s.NoiseAtEnd) {
			// β of the step at unit variance, 1 − (1+σ'²)/(1+σ²), in these coordinates
			up = math.Sqrt((sigma - next) * (sigma + next) * (1 + next*next) / (1 + sigma*sigma))
		}
		if up > 0 {
			noise(fresh)
			addScaled(ctx, x, x, up, fresh)
		}
	}
	return ctx.Err()
}
