package sampler

import "context"

// CFGPlusPlusAdams is ComfyUI's cfgpp_ud10_ab, which has no paper: the Euler step
// of CFG++ (see [NeedsUncond]) with a share of two-step Adams-Bashforth (the "ab"), and
// with the unconditional slope carried forward by a tenth of its last change (the
// "ud10"). With u for the unconditional estimate a step to σ' is
//
//	u' = (x − u)/σ, plus a tenth of its change since the last step in
//	     proportion to the steps
//	d  = (D + σ'·u' − x)/(σ' − σ)
//	x' = x + ¾·(σ' − σ)·d + ¼·∫ of the line through d and the d of before
//
// and a step to zero takes the estimate extrapolated to σ = 0 from the last two. As
// u' differs from the slope by σ/10·du/dσ however short the steps are, no number of
// steps leads to the solution of the probability flow ODE.
//
// https://arxiv.org/abs/2406.08070
type CFGPlusPlusAdams struct{}

// NeedsUncond says that it does.
func (CFGPlusPlusAdams) NeedsUncond() bool { return true }

func (CFGPlusPlusAdams) name() string { return "cfgpp_ud10_ab" }

// Sample implements [Sampler].
func (CFGPlusPlusAdams) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, _ Noise) error {
	denoise, err := begin(ctx, "cfgpp_ud10_ab", denoise, x, sigmas)
	if err != nil {
		return err
	}
	const history, change = 0.25, 0.1
	denoise = withUncond(denoise, true)
	slopes, unguided, estimates := newHistory(2, len(x)), newHistory(2, len(x)), newHistory(2, len(x))
	for i := range len(sigmas) - 1 {
		reached(ctx, sigmas, i, x)
		sigma, next := sigmas[i], sigmas[i+1]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		copy(estimates.push(), est.Denoised)
		slope(ctx, unguided.push(), x, est.Uncond, sigma)
		dt := next - sigma
		switch {
		case dt == 0:
			continue
		case next == 0 && i == 0:
			copy(x, est.Denoised)
			continue
		case next == 0:
			c := sigma / (sigmas[i-1] - sigma)
			mix(ctx, x, 1+c, estimates[0], -c, estimates[1])
			continue
		}

		w := 0.0
		if i > 0 {
			w = change * dt / (sigma - sigmas[i-1])
		}
		d := slopes.push()
		for j, v := range x {
			u := float64((1+w)*float64(unguided[0][j])) - float64(w*float64(unguided[1][j]))
			d[j] = float32((float64(est.Denoised[j]) + float64(next*u) - float64(v)) / dt)
		}
		c := []float64{dt}
		if i > 0 {
			c = lmsCoefficients(sigmas, i, 2)
			c[0], c[1] = (1-history)*dt+history*c[0], history*c[1]
		}
		combine(ctx, x, 1, c, slopes)
	}
	return ctx.Err()
}
