package sampler

import (
	"context"
	"errors"
	"fmt"
)

// NeedsUncond says whether a sampler wants the unconditional estimate of every call,
// [Estimate].Uncond: those with CFGPlusPlus set do, and any other with a method
//
//	func (s mine) NeedsUncond() bool
//
// that says so. Who makes the Denoiser of a run asks, because the estimate has a price:
// it takes guidance, whatever the guidance scale. A sampler that wraps another (see
// [Describe]) without the method needs what the other does.
//
// CFG++ (Chung et al. 2024, Algorithm 2), a modifier of samplers, needs it: a step
// removes the noise that the unconditional estimate u of the clean latents sees, but
// puts the guided estimate D in its place,
//
//	x' = D + σ'·(x − u)/σ,
//
// where the plain step has D for u. It is the plain step from x + (D − u), which
// is how the samplers of one call a step with a field CFGPlusPlus do it, all in the
// form that ComfyUI gave them. Where both estimates are equal it is the plain method,
// bit for bit.
//
// The guidance scale is used as it is, as in ComfyUI. It acts at every step on the
// clean latents alone, so it is far smaller than usual, 0.5 to 2; a scale of 1
// does not turn guidance off. (WebUI's "DDIM CFG++" divides its scale by 12.5.)
//
// https://arxiv.org/abs/2406.08070
func NeedsUncond(s Sampler) bool {
	for _, s := range layers(s) {
		if n, ok := s.(interface{ NeedsUncond() bool }); ok {
			return n.NeedsUncond()
		}
	}
	return false
}

// withUncond wraps a Denoiser so that each estimate has an Uncond that is fit for use:
// with CFG++ on the one that it came with, which is an error if it has none; off it is
// Denoised itself, which makes of a step of CFG++ the plain one.
func withUncond(denoise Denoiser, on bool) Denoiser {
	return func(ctx context.Context, x []float32, sigma float64) (Estimate, error) {
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return Estimate{}, err
		}
		if !on {
			est.Uncond = est.Denoised
			return est, nil
		}
		if est.Uncond == nil {
			return Estimate{}, errors.New("have no unconditional estimate, which CFG++ needs: the denoiser does not guide, or a sampler around this one tells nobody (see Describe)")
		}
		if len(est.Uncond) != len(x) {
			return Estimate{}, fmt.Errorf("the unconditional estimate has %d values, want %d", len(est.Uncond), len(x))
		}
		if i := notFinite(est.Uncond); i >= 0 {
			return Estimate{}, fmt.Errorf("the unconditional estimate is %g at index %d, want finite numbers", est.Uncond[i], i)
		}
		return est, nil
	}
}

// shift adds the difference of the estimates to x, so that the plain step from
// there is that of CFG++.
func shift(ctx context.Context, x []float32, est Estimate) {
	if &est.Uncond[0] == &est.Denoised[0] { // CFG++ is off
		return
	}
	stretches(ctx, len(x), func(from, to int) {
		for i := from; i < to; i++ {
			x[i] = float32(float64(x[i]) + (float64(est.Denoised[i]) - float64(est.Uncond[i])))
		}
	})
}
