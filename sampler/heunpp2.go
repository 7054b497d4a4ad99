package sampler

import "context"

// HeunPP2 is "Heun++", a sampler by Carzit that ComfyUI took over as heunpp2 and
// that has no paper: a step follows a mean of the slopes at its start, at its end
// and one level further on, each but the first with a weight in proportion to its
// level. So the last steps are nearly Euler's, and the method is of first order.
//
// The last step but one uses the slopes at its start and end, the last step its
// start alone. It calls the denoiser three times a step otherwise.
//
// https://github.com/Carzit/sd-webui-samplers-scheduler
type HeunPP2 struct {
	Churn Churn
}

func (HeunPP2) name() string { return "heunpp2" }

// Sample implements [Sampler].
func (s HeunPP2) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	denoise, err := begin(ctx, "heunpp2", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if err := s.Churn.check("heunpp2", noise); err != nil {
		return err
	}
	steps := len(sigmas) - 1
	last := sigmas[steps]
	slopes := newHistory(3, len(x)) // of the start, the end and the level after it
	ahead, fresh := make([]float32, len(x)), make([]float32, len(x))
	for i := range steps {
		reached(ctx, sigmas, i, x)
		next := sigmas[i+1]
		sigma := s.Churn.lift(ctx, x, fresh, sigmas[i], steps, noise)
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		if next == last {
			eulerStep(ctx, x, x, est.Denoised, sigma, next)
			continue
		}
		slope(ctx, slopes[0], x, est.Denoised, sigma)
		eulerStep(ctx, ahead, x, est.Denoised, sigma, next)
		if est, err = denoise(ctx, ahead, next); err != nil {
			return stepError(i, next, err)
		}
		slope(ctx, slopes[1], ahead, est.Denoised, next)

		after, dt := sigmas[i+2], next-sigma
		if after == last {
			w2 := next / (2 * sigmas[0])
			combine(ctx, x, 1, []float64{(1 - w2) * dt, w2 * dt}, slopes)
			continue
		}
		eulerStep(ctx, ahead, ahead, est.Denoised, next, after)
		if est, err = denoise(ctx, ahead, after); err != nil {
			return stepError(i, after, err)
		}
		slope(ctx, slopes[2], ahead, est.Denoised, after)
		w2, w3 := next/(3*sigmas[0]), after/(3*sigmas[0])
		combine(ctx, x, 1, []float64{(1 - w2 - w3) * dt, w2 * dt, w3 * dt}, slopes)
	}
	return ctx.Err()
}
