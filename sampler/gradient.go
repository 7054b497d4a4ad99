package sampler

import (
	"context"
	"fmt"
	"math"
)

// GradientEstimation is the sampler of Permenter & Yuan (2023), section 5: Euler
// steps along γ·ε_i + (1−γ)·ε_{i−1}, which takes the model's errors at two levels
// against each other. A step to zero takes the estimate itself.
//
// https://arxiv.org/abs/2306.04848
type GradientEstimation struct {
	Gamma float64 // zero means 2; 1 is Euler

	// CFGPlusPlus steps along the unconditional estimate; see [NeedsUncond].
	CFGPlusPlus bool
}

// NeedsUncond says whether CFG++ is on.
func (s GradientEstimation) NeedsUncond() bool { return s.CFGPlusPlus }

func (s GradientEstimation) name() string {
	if s.CFGPlusPlus {
		return "gradient_estimation_cfg_pp"
	}
	return "gradient_estimation"
}

// Sample implements [Sampler].
func (s GradientEstimation) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, _ Noise) error {
	denoise, err := begin(ctx, "gradient_estimation", denoise, x, sigmas)
	if err != nil {
		return err
	}
	gamma := s.Gamma
	if gamma == 0 {
		gamma = 2
	}
	if math.IsNaN(gamma) || math.IsInf(gamma, 0) {
		return fmt.Errorf("sampler: gradient_estimation: gamma: have %g, want a finite number", gamma)
	}
	denoise = withUncond(denoise, s.CFGPlusPlus)
	slopes := newHistory(2, len(x))
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		shift(ctx, x, est)
		slope(ctx, slopes.push(), x, est.Denoised, sigma)
		switch {
		case next == 0:
			copy(x, est.Denoised)
		case i == 0:
			eulerStep(ctx, x, x, est.Denoised, sigma, next)
		default:
			combine(ctx, x, 1, []float64{gamma * (next - sigma), (1 - gamma) * (next - sigma)}, slopes)
		}
	}
	return ctx.Err()
}
