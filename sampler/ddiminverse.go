package sampler

import "context"

// DDIMInverse runs DDIM backwards, from clean latents to the noise that DDIM makes
// them of: Song et al. (2020), section 4.3. Its levels rise; the first may be 0,
// where the model is called at the second, as there is no noise to see at 0.
//
// Each step uses the noise estimate of where it starts, with the model called at
// the level where it starts (Euler backwards). diffusers' DDIMInverseScheduler
// calls it at the level it goes to; set Ahead for that.
//
// https://arxiv.org/abs/2010.02502
type DDIMInverse struct {
	Ahead bool // call the model at the level that a step goes to
}

func (DDIMInverse) name() string { return "ddim_inverse" }

// Sample implements [Sampler], but for the order of sigmas.
func (s DDIMInverse) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, _ Noise) error {
	if err := checkRising("ddim_inverse", sigmas); err != nil {
		return err
	}
	denoise, err := checked(ctx, "ddim_inverse", denoise, x)
	if err != nil {
		return err
	}
	d, seen := make([]float32, len(x)), make([]float32, len(x))
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		copy(seen, x)
		at := sigma
		if s.Ahead || sigma == 0 {
			at = next
			relabel(ctx, seen, sigma, next) // at unit variance the model sees the same x
		}
		est, err := denoise(ctx, seen, at)
		if err != nil {
			return stepError(i, at, err)
		}
		slope(ctx, d, seen, est.Denoised, at)
		addScaled(ctx, x, x, next-sigma, d)
	}
	return ctx.Err()
}
