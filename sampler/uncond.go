package sampler

import (
	"context"
	"errors"
	"fmt"
)

// Uncond holds the unconditional estimate of the clean latents that belongs to the
// latest estimate of a Denoiser. A sampler asks for it with [WithUncond], and the
// Denoiser that has guidance inside fills it in:
//
//	if u := sampler.UncondFrom(ctx); u != nil {
//		u.Set(unconditional)
//	}
//
// A Denoiser that wraps such a one, and changes its estimates, may change this one
// too. It belongs to one run, like the Denoiser.
//
// It is for CFG++ (Chung et al. 2024, Algorithm 2), a modifier of samplers: a step
// removes the noise that the unconditional estimate u of the clean latents sees,
// but puts the guided estimate D in its place,
//
//	x' = D + σ'·(x − u)/σ,
//
// where the plain step has D for u. It is the plain step from x + (D − u), which
// is how the samplers of one call a step with a field CFGPlusPlus do it, all in the
// form that ComfyUI gave them. Where both estimates are equal it is the plain method, bit for bit.
//
// The guidance scale is used as it is, as in ComfyUI. It acts at every step on the
// clean latents alone, so it is far smaller than usual, 0.5 to 2; a scale of 1
// does not turn guidance off. (WebUI's "DDIM CFG++" divides its scale by 12.5.)
//
// https://arxiv.org/abs/2406.08070
type Uncond struct{ denoised []float32 }

type uncondKey struct{}

// UncondFrom returns where a model call shall leave its unconditional estimate, or
// nil if its sampler does not want it.
func UncondFrom(ctx context.Context) *Uncond {
	if ctx == nil {
		return nil
	}
	u, _ := ctx.Value(uncondKey{}).(*Uncond)
	return u
}

// Set hands the estimate over. As with that of a Denoiser, the slice has x's
// length and is the caller's again at the next call.
func (u *Uncond) Set(denoised []float32) {
	if u != nil {
		u.denoised = denoised
	}
}

// Denoised returns the estimate of the latest call, nil before the first. It is
// valid until the next call, and not to be changed.
func (u *Uncond) Denoised() []float32 {
	if u == nil {
		return nil
	}
	return u.denoised
}

// WithUncond wraps a Denoiser for a sampler that wants the unconditional estimate.
// A call that ends without one, which one without guidance does, is an error.
func WithUncond(denoise Denoiser) (Denoiser, *Uncond) {
	u := &Uncond{}
	return func(ctx context.Context, x []float32, sigma float64) ([]float32, error) {
		if denoise == nil || ctx == nil {
			return nil, errors.New("sampler: unconditional estimate: have no Denoiser, or a nil context")
		}
		u.denoised = nil
		denoised, err := denoise(context.WithValue(ctx, uncondKey{}, u), x, sigma)
		if err != nil {
			return nil, err
		}
		if u.denoised == nil {
			return nil, fmt.Errorf("have no unconditional estimate, which CFG++ needs: the denoiser does not guide")
		}
		if len(u.denoised) != len(x) {
			return nil, fmt.Errorf("the unconditional estimate has %d values, want %d", len(u.denoised), len(x))
		}
		if i := notFinite(u.denoised); i >= 0 {
			return nil, fmt.Errorf("the unconditional estimate is %g at index %d, want finite numbers", u.denoised[i], i)
		}
		return denoised, nil
	}, u
}

// NeedsUncond says whether a sampler wants the unconditional estimate, and so
// guidance, whatever its scale: those with CFGPlusPlus set do, and any other that
// has a method NeedsUncond which says so.
func NeedsUncond(s Sampler) bool {
	n, ok := s.(interface{ NeedsUncond() bool })
	return ok && !IsNil(s) && n.NeedsUncond()
}

// cfgPlusPlus is what the samplers with that field share. Off, it is nil.
type cfgPlusPlus struct{ uncond *Uncond }

func withCFGPlusPlus(denoise Denoiser, on bool) (Denoiser, cfgPlusPlus) {
	if !on {
		return denoise, cfgPlusPlus{}
	}
	denoise, u := WithUncond(denoise)
	return denoise, cfgPlusPlus{u}
}

// shift adds the difference of the estimates to x, so that the plain step from
// there is that of CFG++.
func (c cfgPlusPlus) shift(ctx context.Context, x, denoised []float32) {
	if c.uncond == nil {
		return
	}
	stretches(ctx, len(x), func(from, to int) {
		for i := from; i < to; i++ {
			x[i] = float32(float64(x[i]) + (float64(denoised[i]) - float64(c.uncond.denoised[i])))
		}
	})
}

// or returns the unconditional estimate, or denoised if CFG++ is off.
func (c cfgPlusPlus) or(denoised []float32) []float32 {
	if c.uncond == nil {
		return denoised
	}
	return c.uncond.denoised
}
