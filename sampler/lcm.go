package sampler

import (
	"context"
	"fmt"
	"math"
)

// LCM is the multistep sampler of consistency models (Luo et al. 2023, Algorithm
// 3): each step takes the estimate of the clean latents and adds fresh noise of
// the next level.
//
// https://arxiv.org/abs/2310.04378
type LCM struct {
	// Timesteps and Scaling are the model's time at each step and its factor in
	// the boundary condition, by which the estimate is mixed with x (Luo et al.,
	// section 4.1, σ_data = 1/2). Without Timesteps it is not; the weight of x is
	// below 1e-5 at the times that matter.
	Timesteps []float64
	Scaling   float64 // zero means 10
}

func (LCM) name() string { return "lcm" }

func (s LCM) fit(c Solver) LCM {
	return ofClass(s, s.Timesteps == nil && s.Scaling == 0, c)
}

// Sample implements [Sampler].
func (s LCM) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	s = fitting(ctx, s, sigmas)
	denoise, err := begin(ctx, "lcm", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if err := needNoise("lcm", noise); err != nil {
		return err
	}
	if s.Timesteps != nil && len(s.Timesteps) != len(sigmas)-1 {
		return fmt.Errorf("sampler: lcm: have %d timesteps, want one for each of %d steps", len(s.Timesteps), len(sigmas)-1)
	}
	if s.Scaling == 0 {
		s.Scaling = 10
	}
	fresh := make([]float32, len(x))
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		skip, out := 0.0, 1.0
		if s.Timesteps != nil {
			const data = 0.5
			t := s.Timesteps[i] * s.Scaling
			skip, out = data*data/(t*t+data*data), t/math.Sqrt(t*t+data*data)
		}
		mix(ctx, x, skip/math.Sqrt(1+sigma*sigma), x, out, est.Denoised) // the condition is on x at unit variance
		if next > 0 {
			noise(fresh)
			addScaled(ctx, x, x, next, fresh)
		}
	}
	return ctx.Err()
}
