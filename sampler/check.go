package sampler

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// begin checks a run's arguments and returns the Denoiser with checks around it.
func begin(ctx context.Context, name string, denoise Denoiser, x []float32, sigmas []float64) (Denoiser, error) {
	if err := checkSigmas(name, sigmas, nil); err != nil {
		return nil, err
	}
	return checked(ctx, name, denoise, x)
}

// checkSigmas wants finite levels that decrease. The last may equal the one
// before it, and so may those that repeats, if not nil, says.
func checkSigmas(name string, sigmas []float64, repeats func(i int) bool) error {
	if len(sigmas) < 2 {
		return fmt.Errorf("sampler: %s: have %d sigmas, want at least 2", name, len(sigmas))
	}
	for i, sigma := range sigmas {
		if !(sigma >= 0) || math.IsInf(sigma, 1) || i == 0 && sigma == 0 {
			return fmt.Errorf("sampler: %s: sigma %d is %g, want it finite and positive, or zero at the end", name, i, sigma)
		}
		if i == 0 || sigma < sigmas[i-1] {
			continue
		}
		if may := i == len(sigmas)-1 || repeats != nil && repeats(i); sigma != sigmas[i-1] || !may {
			return fmt.Errorf("sampler: %s: sigma %d is %g after %g, want it lower", name, i, sigma, sigmas[i-1])
		}
	}
	return nil
}

// checked wraps a Denoiser so that it obeys ctx and its estimates are of the
// right length and finite.
func checked(ctx context.Context, name string, denoise Denoiser, x []float32) (Denoiser, error) {
	if ctx == nil {
		return nil, fmt.Errorf("sampler: %s: have a nil context", name)
	}
	if denoise == nil {
		return nil, fmt.Errorf("sampler: %s: have no Denoiser", name)
	}
	if len(x) == 0 {
		return nil, fmt.Errorf("sampler: %s: x is empty", name)
	}
	if i := notFinite(x); i >= 0 {
		return nil, fmt.Errorf("sampler: %s: x[%d] is %g at the start, want a finite number", name, i, x[i])
	}
	return func(ctx context.Context, x []float32, sigma float64) (Estimate, error) {
		if ctx == nil {
			return Estimate{}, errors.New("have a nil context")
		}
		if err := ctx.Err(); err != nil {
			return Estimate{}, err
		}
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return Estimate{}, err
		}
		if len(est.Denoised) != len(x) {
			return Estimate{}, fmt.Errorf("the denoiser returned %d values, want %d", len(est.Denoised), len(x))
		}
		if i := notFinite(est.Denoised); i >= 0 {
			return Estimate{}, fmt.Errorf("the denoiser returned %g at index %d, want finite numbers", est.Denoised[i], i)
		}
		return est, nil
	}, nil
}

func needNoise(name string, noise Noise) error {
	if noise == nil {
		return fmt.Errorf("sampler: %s adds noise: have no Noise", name)
	}
	return nil
}

// notFinite returns the index of the first NaN or infinity, or -1.
func notFinite(x []float32) int {
	for i, v := range x {
		if v-v != 0 {
			return i
		}
	}
	return -1
}

// positiveEnds returns the first and the last positive level, as λ = −log σ.
func positiveEnds(name string, sigmas []float64) (start, end float64, err error) {
	last := sigmas[len(sigmas)-1]
	if last == 0 {
		last = sigmas[len(sigmas)-2]
	}
	if len(sigmas) == 2 && sigmas[1] == 0 {
		return 0, 0, fmt.Errorf("sampler: %s: sigmas are %g and 0, want two positive levels", name, sigmas[0])
	}
	return -math.Log(sigmas[0]), -math.Log(last), nil
}

func checkHops(name string, hops []float64, steps int) error {
	if hops != nil && len(hops) != steps {
		return fmt.Errorf("sampler: %s: have %d levels in To or From, want one for each of %d steps", name, len(hops), steps)
	}
	for i, sigma := range hops {
		if !(sigma >= 0) || math.IsInf(sigma, 1) {
			return fmt.Errorf("sampler: %s: To or From %d is %g, want it finite and not negative", name, i, sigma)
		}
	}
	return nil
}

// checkRising wants finite levels that rise, the first possibly zero.
func checkRising(name string, sigmas []float64) error {
	if len(sigmas) < 2 {
		return fmt.Errorf("sampler: %s: have %d sigmas, want at least 2", name, len(sigmas))
	}
	for i, sigma := range sigmas {
		if !(sigma >= 0) || math.IsInf(sigma, 1) || i > 0 && sigma <= sigmas[i-1] {
			return fmt.Errorf("sampler: %s: sigma %d is %g, want finite levels that rise from 0 or more", name, i, sigma)
		}
	}
	return nil
}
