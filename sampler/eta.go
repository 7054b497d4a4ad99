package sampler

import (
	"context"
	"fmt"
	"math"
)

// ancestralStep splits a step from one level to the next into a deterministic
// part, down to down, and fresh noise up:
//
//	up   = η·to·√(1 − (to/from)²)
//	down = √(to² − up²) = to·√((1−η²) + η²·(to/from)²)
//
// The last form does not cancel. With η = 1, down is to²/from.
func ancestralStep(from, to, eta float64) (down, up float64) {
	r := to / from
	up = eta * to * math.Sqrt((1-r)*(1+r))
	down = to * math.Sqrt((1-eta)*(1+eta)+eta*eta*r*r)
	return down, up
}

// beginAncestral is begin for the samplers whose eta is 1 unless given.
func beginAncestral(ctx context.Context, name string, denoise Denoiser, x []float32, sigmas []float64, eta *float64, noise Noise) (Denoiser, float64, error) {
	denoise, err := begin(ctx, name, denoise, x, sigmas)
	if err != nil {
		return nil, 0, err
	}
	value := 1.0
	if eta != nil {
		value = *eta
	}
	return denoise, value, checkEta(name, value, noise)
}

// checkEta wants eta from 0 to 1, and a Noise if it is not 0.
func checkEta(name string, eta float64, noise Noise) error {
	if !(eta >= 0 && eta <= 1) {
		return fmt.Errorf("sampler: %s: eta: have %g, want 0 to 1", name, eta)
	}
	if eta > 0 {
		return needNoise(name, noise)
	}
	return nil
}

// lambdaAncestral is ancestralStep in λ, with the deterministic part no further
// than end.
func lambdaAncestral(t, next, end, eta float64) (down, up float64) {
	if eta == 0 {
		return next, 0
	}
	sigmaDown, _ := ancestralStep(math.Exp(-t), math.Exp(-next), eta)
	down = math.Min(end, -math.Log(sigmaDown))
	return down, math.Exp(-next) * math.Sqrt(math.Max(0, -math.Expm1(2*(next-down))))
}

// beginSDE is beginAncestral for the samplers that take their noise from a path.
func beginSDE(ctx context.Context, name string, denoise Denoiser, x []float32, sigmas []float64, eta *float64, noise Noise, path PathNoise) (Denoiser, float64, PathNoise, error) {
	path = path.Or(noise)
	if path != nil && noise == nil {
		noise = func([]float32) {} // not called: the path is there
	}
	denoise, value, err := beginAncestral(ctx, name, denoise, x, sigmas, eta, noise)
	return denoise, value, path, err
}
