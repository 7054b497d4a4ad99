package sampler_test

import (
	"context"
	"fmt"
	"math"

	"sdgo/sampler"
)

// midpoint is a sampler of our own: the explicit midpoint rule, with the middle
// of each step taken in log σ.
type midpoint struct{}

func (midpoint) Sample(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, _ sampler.Noise) error {
	middle := make([]float32, len(x))
	for i := range len(sigmas) - 1 {
		sigma, next := sigmas[i], sigmas[i+1]
		mid := math.Sqrt(sigma * next)
		est, err := denoise(ctx, x, sigma)
		if err != nil {
			return err
		}
		for j, d := range est.Denoised {
			middle[j] = x[j] + float32((mid-sigma)/sigma)*(x[j]-d)
		}
		if est, err = denoise(ctx, middle, mid); err != nil {
			return err
		}
		for j, d := range est.Denoised {
			x[j] += float32((next-sigma)/mid) * (middle[j] - d)
		}
	}
	return nil
}

// A sampler is a type with a Sample method; one of your own goes wherever one of
// ours does.
func Example_customSampler() {
	// the ideal denoiser for data drawn from N(0, 1)
	denoise := func(_ context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		denoised := make([]float32, len(x))
		for i, v := range x {
			denoised[i] = v / float32(1+sigma*sigma)
		}
		return sampler.Estimate{Denoised: denoised}, nil
	}
	sigmas := []float64{8, 4, 2, 1, 0.5, 0.25}
	for _, s := range []sampler.Sampler{sampler.Euler{}, midpoint{}} {
		x := []float32{8}
		if err := s.Sample(context.Background(), denoise, x, sigmas, nil); err != nil {
			fmt.Println(err)
		}
		exact := 8 * math.Sqrt(1+0.25*0.25) / math.Sqrt(1+8*8)
		fmt.Printf("%T: %.2f, exact %.2f\n", s, x[0], exact)
	}
	// Output:
	// sampler.Euler: 0.87, exact 1.02
	// sampler_test.midpoint: 1.05, exact 1.02
}
