package sampler

import (
	"cmp"
	"context"
	"math"
)

// DPMFast is DPM-Solver-fast of Lu et al. (2022a), section 3.4, as in k-diffusion:
// single steps of third order, evenly spaced in log σ, that share out as many
// model calls as sigmas has steps. Of sigmas only the ends and the number count;
// a final zero is left out, so that the run ends at the level before it.
//
// https://arxiv.org/abs/2206.00927
type DPMFast struct {
	Eta    float64 // share of noise that is fresh, 0 to 1
	SNoise float64 // scale of the fresh noise. Zero means 1
}

func (DPMFast) name() string { return "dpm_fast" }

// Sample implements [Sampler].
func (s DPMFast) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	denoise, err := begin(ctx, "dpm_fast", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if err := checkEta("dpm_fast", s.Eta, noise); err != nil {
		return err
	}
	start, end, err := positiveEnds("dpm_fast", sigmas)
	if err != nil {
		return err
	}
	orders := fastOrders(len(sigmas) - 1)
	stages := newDPMStages(ctx, denoise, x)
	fresh, out := make([]float32, len(x)), make([]float32, len(x))
	at := func(i int) float64 { return start + float64(i)*(end-start)/float64(len(orders)) }
	calls := 0
	for i, order := range orders {
		t, next := at(i), at(i+1)
		reachedOf(ctx, sigmas, calls, len(sigmas)-1, x, math.Exp(-t))
		calls += order
		if i == len(orders)-1 {
			next = end
		}
		down, up := lambdaAncestral(t, next, end, s.Eta)
		stages.begin(i)
		if err := stages.advance(out, x, order, t, down, 0); err != nil {
			return err
		}
		copy(x, out)
		if up > 0 {
			noise(fresh)
			addScaled(ctx, x, x, up*cmp.Or(s.SNoise, 1), fresh)
		}
	}
	return ctx.Err()
}

// fastOrders gives the order of each step so that they add up to calls.
func fastOrders(calls int) []int {
	var orders []int
	for range calls/3 - 1 {
		orders = append(orders, 3)
	}
	switch {
	case calls < 3:
		return append(orders, calls)
	case calls%3 == 0:
		return append(orders, 2, 1)
	}
	return append(orders, 3, calls%3)
}
