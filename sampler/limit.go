package sampler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Limit bounds an estimate of the clean latents. Its zero value does not.
type Limit struct {
	// Clip bounds each value to ±Clip. Zero means no bound.
	Clip float64

	// Quantile turns on dynamic thresholding (Saharia et al. 2022, section
	// 2.3): each latent is bounded to ±s and divided by s, where s is this
	// quantile of its absolute values, at least 1 and at most MaxValue. In
	// (0, 1]; zero means none. It goes before Clip, which is then unused.
	//
	// https://arxiv.org/abs/2205.11487
	Quantile float64
	MaxValue float64 // zero means 1
	Batch    int     // latents in x, for Quantile; zero means 1
}

// Limited wraps a Denoiser so that its estimates, an unconditional one too, obey the
// limit. It may not be used by two runs at once.
func Limited(denoise Denoiser, limit Limit) Denoiser {
	if !limit.on() {
		return denoise
	}
	var denoised, uncond []float32
	return func(ctx context.Context, x []float32, sigma float64) (Estimate, error) {
		if err := limit.check("limit", len(x)); err != nil {
			return Estimate{}, err
		}
		if denoise == nil || ctx == nil {
			return Estimate{}, errors.New("sampler: limit: have no Denoiser, or a nil context")
		}
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return Estimate{}, err
		}
		denoised = limit.bounded(ctx, denoised, est.Denoised)
		if est.Uncond != nil {
			uncond = limit.bounded(ctx, uncond, est.Uncond)
			return Estimate{denoised, uncond}, ctx.Err()
		}
		return Estimate{Denoised: denoised}, ctx.Err()
	}
}

// limited is a sampler that runs another under a limit.
type limited struct {
	Sampler
	Limit Limit // exported, so that a saved run tells it apart
}

// Unwrap returns the sampler under the limit.
func (s limited) Unwrap() Sampler { return s.Sampler }

// Sample implements [Sampler].
func (s limited) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	return s.Sampler.Sample(ctx, Limited(denoise, s.Limit), x, sigmas, noise)
}

func (l Limit) on() bool { return l.Clip != 0 || l.Quantile != 0 }

func (l Limit) check(name string, n int) error {
	switch {
	case !(l.Clip >= 0):
		return fmt.Errorf("sampler: %s: clip: have %g, want a positive number, or 0 for none", name, l.Clip)
	case !(l.Quantile >= 0 && l.Quantile <= 1):
		return fmt.Errorf("sampler: %s: quantile: have %g, want 0 to 1", name, l.Quantile)
	case l.Quantile > 0 && l.MaxValue != 0 && !(l.MaxValue >= 1):
		return fmt.Errorf("sampler: %s: max value: have %g, want at least 1", name, l.MaxValue)
	case l.Batch < 0 || n%max(l.Batch, 1) != 0:
		return fmt.Errorf("sampler: %s: have %d values, want them to divide into a batch of %d", name, n, l.Batch)
	}
	return nil
}

// bounded returns the bounded denoised, in dst if that has its length.
func (l Limit) bounded(ctx context.Context, dst, denoised []float32) []float32 {
	if len(dst) != len(denoised) {
		dst = make([]float32, len(denoised))
	}
	l.apply(ctx, dst, denoised)
	return dst
}

// apply writes the bounded denoised to dst. It leaves off when ctx is done.
func (l Limit) apply(ctx context.Context, dst, denoised []float32) {
	if l.Quantile == 0 {
		clip := float32(l.Clip)
		stretches(ctx, len(denoised), func(from, to int) {
			for i, v := range denoised[from:to] {
				dst[from+i] = min(max(v, -clip), clip)
			}
		})
		return
	}
	size := len(denoised) / max(l.Batch, 1)
	sorted := make([]float32, size)
	for start := 0; start < len(denoised) && ctx.Err() == nil; start += size {
		for i, v := range denoised[start : start+size] {
			sorted[i] = float32(math.Abs(float64(v)))
		}
		slices.Sort(sorted)
		s := min(max(quantile(sorted, l.Quantile), 1), float32(cmp.Or(l.MaxValue, 1)))
		for i, v := range denoised[start : start+size] {
			dst[start+i] = min(max(v, -s), s) / s
		}
	}
}

// quantile interpolates between the two nearest of the sorted values.
func quantile(sorted []float32, q float64) float32 {
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	w := at - float64(low)
	return sorted[low] + float32(w*float64(sorted[high]-sorted[low]))
}
