package diffusion

import (
	"context"
	"math"

	"sdgo/sampler"
)

// Rescaled is classifier-free guidance whose standard deviation is brought back towards
// that of the prediction with the prompt (Lin et al. 2023, section 3.4), which large
// scales raise: the picture keeps its contrast.
//
// https://arxiv.org/abs/2305.08891
type Rescaled struct {
	Scale float64 // of [ClassifierFree]. Zero means 7.5
	Share float64 // φ, how much of the way back, 0 to 1
}

// Needs implements [Guider].
func (Rescaled) Needs(sigma float64) []Condition { return ClassifierFree{}.Needs(sigma) }

// Guide implements [Guider].
func (g Rescaled) Guide(_ context.Context, p *Predictions) (sampler.Estimate, error) {
	guided, err := ClassifierFree{g.Scale}.combine(p)
	if err != nil {
		return sampler.Estimate{}, err
	}
	factor := float32(g.Share*std(p.Output(Cond))/std(guided) + (1 - g.Share))
	for i := range guided {
		guided[i] *= factor
	}
	return sampler.Estimate{Denoised: p.estimate(guided)}, nil
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
