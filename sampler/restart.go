package sampler

import (
	"cmp"
	"context"
	"fmt"
	"math"
)

// Restart is the sampler of Xu et al. (2023), Algorithm 1, with Heun steps: on its
// way down it goes back up once or more by adding noise, and comes down again,
// which contracts the errors made before.
//
// Its zero value chooses as Stable Diffusion WebUI does: of 20 steps or more, 9 go
// into coming down once more from 2 to 0.1, of 36 or more a quarter each into
// coming down twice; the rest are Karras levels between the ends of sigmas. Below
// 20 steps it is [Heun].
//
// https://arxiv.org/abs/2306.14878
type Restart struct {
	Times int     // how often to go back up. Zero chooses, and then the levels are Karras's
	Steps int     // steps of coming down again. Zero means 9
	Low   float64 // the level that is left by going up: the nearest of sigmas. Zero means 0.1
	High  float64 // the level that is gone up to: the nearest of sigmas. Zero means 2

	SNoise float64 // scale of the noise. Zero means 1
}

func (Restart) name() string { return "restart" }

// Sample implements [Sampler].
func (s Restart) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	denoise, err := begin(ctx, "restart", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if s.Times < 0 || s.Steps < 0 || !(s.Low >= 0) || !(s.High >= 0) || s.Times > 1000 || s.Steps > 10_000 {
		return fmt.Errorf("sampler: restart: have %d times, %d steps, from %g to %g, want none of them negative and no more than 1000 times 10000", s.Times, s.Steps, s.Low, s.High)
	}
	hops := s.hops(sigmas)
	if hops == nil {
		return fmt.Errorf("sampler: restart: have %d steps of coming down again, want at most %d of the run's %d", s.Steps, len(sigmas)-3, len(sigmas)-1)
	}
	for i, hop := range hops {
		if i > 0 && hop[0] > hops[i-1][1] {
			if err := needNoise("restart", noise); err != nil {
				return err
			}
			break
		}
	}

	d, ahead, fresh := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
	for i, hop := range hops {
		sigma, next := hop[0], hop[1]
		at := sigma
		if i > 0 {
			at = hops[i-1][1]
		}
		reachedOf(ctx, sigmas, i, len(hops), x, at)
		if i > 0 && sigma > hops[i-1][1] {
			last := hops[i-1][1]
			noise(fresh)
			addScaled(ctx, x, x, math.Sqrt((sigma-last)*(sigma+last))*cmp.Or(s.SNoise, 1), fresh)
		}
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		if next == 0 {
			eulerStep(ctx, x, x, est.Denoised, sigma, next)
			continue
		}
		slope(ctx, d, x, est.Denoised, sigma)
		eulerStep(ctx, ahead, x, est.Denoised, sigma, next)
		if est, err = denoise(ctx, ahead, next); err != nil {
			return stepError(i, next, err)
		}
		slope(ctx, ahead, ahead, est.Denoised, next)
		mix(ctx, d, 0.5, d, 0.5, ahead)
		addScaled(ctx, x, x, next-sigma, d)
	}
	return ctx.Err()
}

// hops lists the levels of every step, from and to. It is nil if the steps of coming
// down again leave none to come down.
func (s Restart) hops(sigmas []float64) [][2]float64 {
	steps := len(sigmas) - 1
	inner := 9
	if s.Steps > 0 {
		inner = s.Steps
	}
	if s.Times == 0 && steps >= 20 && sigmas[steps] == 0 {
		s.Times = 1
		if steps >= 36 {
			inner, s.Times = steps/4, 2
		}
		if steps-inner*s.Times < 2 {
			return nil
		}
		sigmas = append(karras(sigmas[steps-1], sigmas[0], steps-inner*s.Times), 0)
	}
	low, high := nearest(sigmas, cmp.Or(s.Low, 0.1)), nearest(sigmas, cmp.Or(s.High, 2))
	var hops [][2]float64
	for i := range len(sigmas) - 1 {
		hops = append(hops, [2]float64{sigmas[i], sigmas[i+1]})
		if i+1 != low || high >= low || sigmas[low] == 0 {
			continue
		}
		again := karras(sigmas[low], sigmas[high], inner+1)
		for range s.Times {
			for j := range inner {
				hops = append(hops, [2]float64{again[j], again[j+1]})
			}
		}
	}
	return hops
}

// karras lists n levels from high to low, evenly spaced in σ^(1/7).
func karras(low, high float64, n int) []float64 {
	const rho = 7
	a, b := math.Pow(high, 1./rho), math.Pow(low, 1./rho)
	sigmas := make([]float64, n)
	for i := range sigmas {
		sigmas[i] = math.Pow(a+float64(i)/float64(max(n-1, 1))*(b-a), rho)
	}
	return sigmas
}

// nearest returns the index of the level nearest to sigma.
func nearest(sigmas []float64, sigma float64) int {
	best := 0
	for i, s := range sigmas {
		if math.Abs(s-sigma) < math.Abs(sigmas[best]-sigma) {
			best = i
		}
	}
	return best
}
