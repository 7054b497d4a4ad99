package sampler

import (
	"context"
	"fmt"
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

// Error implements error.
func (e *StepError) Error() string {
	return fmt.Sprintf("sampler: step %d (sigma %.4g): %v", e.Step, e.Sigma, e.Err)
}

// Unwrap returns Err.
func (e *StepError) Unwrap() error { return e.Err }

func stepError(step int, sigma float64, err error) error {
	return &StepError{Step: step, Sigma: sigma, Err: err}
}
