package main

import (
	"context"
	"math"

	"sdgo/sampler"
)

// multistep is DPM-Solver++(2M) of Lu et al. (2022b), Algorithm 2, with the same
// bits as the built-in sampler.DPMPP2M. λ is −log σ.
//
// https://arxiv.org/abs/2211.01095
type multistep struct{}

// Sample implements [sampler.Sampler].
func (multistep) Sample(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, _ sampler.Noise) error {
	last := make([]float32, len(x)) // the estimate of x₀ one step before
	for i := range len(sigmas) - 1 {
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return err
		}
		c := 0.0 // 1/2r, or 0: the first step, and one to zero, are of first order
		if i > 0 && next > 0 {
			h, hLast := math.Log(sigma/next), math.Log(sigmas[i-1]/sigma) // steps in λ
			c = h / (2 * hLast)
		}
		ratio := next / sigma // e^−h
		for j, v := range est.Denoised {
			// D = (1 + 1/2r)·x₀ − 1/2r·x₀ of before, then x' = e^−h·x + (1 − e^−h)·D
			d := float32(float64((1+c)*float64(v)) - float64(c*float64(last[j])))
			x[j] = float32(float64(ratio*float64(x[j])) + float64((1-ratio)*float64(d)))
			last[j] = v
		}
	}
	return nil
}
