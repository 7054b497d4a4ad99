package diffusion

import (
	"context"
	"math"
)

// guide is classifier-free guidance (Ho and Salimans 2022), equation 6 in the
// form of Stable Diffusion: uncond + g·(cond − uncond). Both predicts without and
// with the prompt, [N 2 4 H W]; outside the guidance interval alone, with it only.
//
// https://arxiv.org/abs/2207.12598
func (r *run) guide(both, alone predictor) predictor {
	var out []float32
	g := float32(r.Guidance)
	return func(ctx context.Context, x []float32, sigma float64) ([]float32, error) {
		if !r.GuidanceInterval.contains(sigma) {
			return alone(ctx, x, sigma)
		}
		both, err := both(ctx, x, sigma)
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = make([]float32, len(x))
		}
		size := len(x) / r.Images
		for i := range r.Images {
			uncond, cond := both[2*i*size:(2*i+1)*size], both[(2*i+1)*size:(2*i+2)*size]
			guided := out[i*size : (i+1)*size]
			for j, u := range uncond {
				guided[j] = u + float32(g*float32(cond[j]-u))
			}
			if r.GuidanceRescale > 0 {
				rescale(guided, cond, r.GuidanceRescale)
			}
		}
		return out, nil
	}
}

// rescale brings the standard deviation of guided back to that of cond, by the
// share phi (Lin et al. 2023, section 3.4).
//
// https://arxiv.org/abs/2305.08891
func rescale(guided, cond []float32, phi float64) {
	factor := float32(phi*std(cond)/std(guided) + (1 - phi))
	for i := range guided {
		guided[i] *= factor
	}
}

// std is the standard deviation of a sample.
func std(x []float32) float64 {
	var mean, sum float64
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	for _, v := range x {
		d := float64(v) - mean
		sum += float64(d * d)
	}
	return math.Sqrt(sum / float64(len(x)-1))
}
