package sampler

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
)

// Denoiser estimates the clean latents from x = x₀ + σ·ε at noise level sigma.
// Any shape will do, as samplers treat x as a flat list.
//
// x is the sampler's own state; a Denoiser such as inpainting may replace parts
// of it before it denoises, and the sampler goes on from there.
type Denoiser func(ctx context.Context, x []float32, sigma float64) (Estimate, error)

// Estimate is what a Denoiser makes of x. Its slices have x's length and are the
// Denoiser's again at its next call: a sampler copies what it keeps and writes nothing
// into them. A Denoiser that wraps another and changes one may change the other too.
type Estimate struct {
	Denoised []float32 // D(x; σ), the clean latents

	// Uncond is what the clean latents would be without the prompt. It is nil unless
	// the sampler needs it (see [NeedsUncond]).
	Uncond []float32
}

// Noise fills dst, which has the state's length, with fresh standard normal
// numbers.
type Noise func(dst []float32)

// Sampler runs a Denoiser over a list of noise levels. Those of this package can be asked
// for their name and scheduler class ([Describe]), also when another wraps them. One of
// another package may have methods SchedulerClass (see [SchedulerClass]), NeedsUncond
// (see [NeedsUncond]) and, if it runs another, Unwrap.
type Sampler interface {
	// Sample takes x, in place, from noise level sigmas[0] to the last of
	// sigmas. The levels decrease; the last may equal the one before it. noise
	// may be nil for a sampler that adds none.
	//
	// It stops with ctx's error between model calls, and with a [*StepError]
	// when the Denoiser fails or returns a value that is not finite.
	Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error
}

// IsNil says whether there is no sampler: nil, or a nil pointer, through which the
// methods of a value cannot be called.
func IsNil(s Sampler) bool {
	if s == nil {
		return true
	}
	v := reflect.ValueOf(s)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// StepError says where a run stopped.
type StepError struct {
	Step  int     // index into sigmas, from 0
	Sigma float64 // noise level of the model call
	Err   error
}

func (e *StepError) Error() string {
	return fmt.Sprintf("sampler: step %d (sigma %.4g): %v", e.Step, e.Sigma, e.Err)
}

func (e *StepError) Unwrap() error { return e.Err }

func stepError(step int, sigma float64, err error) error {
	return &StepError{Step: step, Sigma: sigma, Err: err}
}

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
