package sampler

import (
	"cmp"
	"context"
	"fmt"
	"math"
)

// EulerLateChurn is [Euler] with churn as diffusers' EulerDiscreteScheduler has
// it: the model sees x before the noise is added, and its output is then taken
// for one at the higher level.
type EulerLateChurn struct {
	Churn      Churn
	Prediction string  // what is kept of the model's output: "epsilon" (the default), "v_prediction" or "sample"
	SigmaData  float64 // of a model with the preconditioning of Karras et al. (2022), table 1; zero for others
	Steps      int     // over which the churn is spread: those of the whole schedule in a tail of it. Zero means the run's
}

// Sample implements [Sampler]. It draws noise only at steps that add some.
func (s EulerLateChurn) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	denoise, err := begin(ctx, "euler_late_churn", denoise, x, sigmas)
	if err != nil {
		return err
	}
	if err := s.Churn.check("euler_late_churn", noise); err != nil {
		return err
	}
	steps := len(sigmas) - 1
	spread := max(s.Steps, steps)
	fresh, estimate := make([]float32, len(x)), make([]float32, len(x))
	for i := range steps {
		reached(ctx, sigmas, i, x)
		sigma := sigmas[i]
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return stepError(i, sigma, err)
		}
		gamma := s.Churn.gamma(sigma, spread)
		if gamma == 0 {
			eulerStep(ctx, x, x, est.Denoised, sigma, sigmas[i+1])
			continue
		}
		noise(fresh)
		scale(ctx, fresh, liftNoise(sigma, gamma)*cmp.Or(s.Churn.SNoise, 1), fresh)
		lifted := sigma * (1 + gamma)
		switch prediction := s.Prediction; {
		case s.SigmaData > 0: // D = c_skip(σ̂)·x̂ + c_out(σ̂)·output
			data := s.SigmaData * s.SigmaData
			skip, liftedSkip := data/(sigma*sigma+data), data/(lifted*lifted+data)
			out := (1 + gamma) * math.Sqrt(liftedSkip/skip) // c_out(σ̂)/c_out(σ)
			mix(ctx, estimate, liftedSkip-out*skip, x, out, est.Denoised)
			addScaled(ctx, estimate, estimate, liftedSkip, fresh)
		case prediction == "", prediction == "epsilon": // D = x̂ − σ̂·ε
			mix(ctx, estimate, -gamma, x, 1+gamma, est.Denoised)
			addScaled(ctx, estimate, estimate, 1, fresh)
		case prediction == "v_prediction": // D = x̂/(1+σ²) − σ/√(1+σ²)·v
			addScaled(ctx, estimate, est.Denoised, 1/(1+sigma*sigma), fresh)
		case prediction == "sample":
			copy(estimate, est.Denoised)
		default:
			return fmt.Errorf("sampler: euler_late_churn: prediction: have %q, want epsilon, v_prediction or sample", s.Prediction)
		}
		addScaled(ctx, x, x, 1, fresh)
		eulerStep(ctx, x, x, estimate, lifted, sigmas[i+1])
	}
	return ctx.Err()
}
