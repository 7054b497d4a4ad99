package sampler

import "context"

// PNDM is the method of Liu et al. (2022), Algorithm 2: three pseudo Runge-Kutta
// steps of four model calls, then [PLMS] steps of fourth order. It is diffusers'
// PNDMScheduler with skip_prk_steps false, whose levels it takes:
//
//	call    0     1     2     3     4 …   12     13
//	level   s[0]  s[1]  s[2]  s[3]  s[4]  s[12]  s[13]     with s[2] = s[1], s[4] = s[3], …
//	step    0→1   0→1   0→3   0→3   4→5   12→13  13→14
//
// Levels 1 and 2 are in the middle of the first step, 3 and 4 at its end.
//
// https://arxiv.org/abs/2202.09778
type PNDM struct {
	VPrediction bool      // as in PLMS
	From, To    []float64 // as in PLMS
}

// rungeKuttaCalls is the number of model calls before the multistep part.
const rungeKuttaCalls = 12

func (PNDM) name() string { return "pndm" }

func (s PNDM) fit(c Solver) PNDM {
	return ofClass(s, !s.VPrediction && s.From == nil && s.To == nil, c)
}

// Sample implements [Sampler].
func (s PNDM) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, _ Noise) error {
	s = fitting(ctx, s, sigmas)
	hops := plmsHops{sigmas: sigmas, from: s.From, to: s.To, rungeKutta: rungeKuttaCalls}
	denoise, err := hops.begin(ctx, "pndm", denoise, x)
	if err != nil {
		return err
	}
	outputs := newHistory(4, len(x))
	start, output, sum := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
	known := 0
	at := sigmas[0] // the level that x is at
	for i := range len(sigmas) - 1 {
		sigma := sigmas[i]
		relabel(ctx, x, at, sigma)
		if i%4 == 0 || i > rungeKuttaCalls {
			step := min(i/4, 3) + max(i-rungeKuttaCalls, 0)
			reachedOf(ctx, sigmas, step, len(sigmas)-1-rungeKuttaCalls+3, x, sigma)
		}
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		from, to := hops.at(i)
		modelOutput(ctx, output, x, est.Denoised, sigma, s.VPrediction)
		if i >= rungeKuttaCalls {
			copy(outputs.push(), output)
			known = min(known+1, 4)
			adamsBashforth(ctx, output, outputs[:known])
		} else {
			switch i % 4 {
			case 0:
				copy(start, x)
				copy(outputs.push(), output)
				known++
				scale(ctx, sum, 1./6, output)
			case 1, 2:
				addScaled(ctx, sum, sum, 1./3, output)
			case 3:
				mix(ctx, output, 1, sum, 1./6, output)
			}
			copy(x, start)
			relabel(ctx, x, sigmas[i/4*4], from)
		}
		outputStep(ctx, x, output, from, to, s.VPrediction)
		at = to
	}
	relabel(ctx, x, at, sigmas[len(sigmas)-1])
	return ctx.Err()
}
