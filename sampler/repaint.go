package sampler

import (
	"context"
	"fmt"
	"math"
)

// RePaint is the sampler of Lugmayr et al. (2022), Algorithm 1, with steps of
// [DDIM] as in diffusers' RePaintScheduler: on its way down it goes back up by some
// levels again and again, by adding noise, and comes down once more, so that what is
// repainted and what is kept come to agree.
//
// It is for inpainting, with a Denoiser that puts the known part back, with noise of
// the level, whenever it is called, as the pipeline's does for a model that was not
// trained to inpaint. Such a one may use the same noise each time, where the paper
// draws anew. On the way back up the noise is that between the levels, as in the
// paper; diffusers adds that of the stride above. Without a mask it is DDIM that
// corrects its own errors.
//
// With n steps it calls the denoiser n times and Jump·(Resamples−1) times more for
// each whole Jump in n but the last: 205 times for 25 steps.
//
// https://arxiv.org/abs/2201.09865
type RePaint struct {
	Jump      int     // levels that it goes back up, j in the paper. Zero means 10
	Resamples int     // how often it goes through the same levels, r in the paper. Zero means 10
	Eta       float64 // share of noise that is fresh in the steps down, 0 to 1. The paper has 1, diffusers 0
}

func (RePaint) name() string { return "repaint" }

// Sample implements [Sampler].
func (s RePaint) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	denoise, err := begin(ctx, "repaint", denoise, x, sigmas)
	if err != nil {
		return err
	}
	const most = 1000
	if s.Jump < 0 || s.Jump > most || s.Resamples < 0 || s.Resamples > most {
		return fmt.Errorf("sampler: repaint: have %d resamples by jumps of %d, want 0 to %d", s.Resamples, s.Jump, most)
	}
	if s.Jump == 0 {
		s.Jump = 10
	}
	if s.Resamples == 0 {
		s.Resamples = 10
	}
	steps := len(sigmas) - 1
	if err := checkEta("repaint", s.Eta, noise); err != nil {
		return err
	}
	if s.Resamples > 1 && steps > s.Jump {
		if err := needNoise("repaint", noise); err != nil {
			return err
		}
	}

	fresh := make([]float32, len(x))
	left := map[int]int{} // jumps that remain, by the level that they leave
	for i := 0; i < steps; i += s.Jump {
		if steps-i > s.Jump {
			left[steps-i] = s.Resamples - 1
		}
	}
	for i := 0; i < steps; {
		reached(ctx, sigmas, i, x)
		est, err := denoise(ctx, x, sigmas[i])
		if err != nil {
			return stepError(i, sigmas[i], err)
		}
		down, up := ancestralStep(sigmas[i], sigmas[i+1], s.Eta)
		eulerStep(ctx, x, x, est.Denoised, sigmas[i], down)
		if up > 0 {
			noise(fresh)
			addScaled(ctx, x, x, up, fresh)
		}
		i++
		if left[i] == 0 {
			continue
		}
		left[i]--
		low, high := sigmas[i], sigmas[i-s.Jump]
		noise(fresh)
		addScaled(ctx, x, x, math.Sqrt((high-low)*(high+low)), fresh)
		i -= s.Jump
	}
	return ctx.Err()
}
