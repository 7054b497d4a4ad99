package diffusion

import (
	"context"

	"sdgo/sampler"
)

// ClassifierFree is classifier-free guidance (Ho and Salimans 2022), equation 6 in the
// form of Stable Diffusion: uncond + g·(cond − uncond), on what the U-Net predicts.
//
// https://arxiv.org/abs/2207.12598
type ClassifierFree struct {
	Scale float64 // g. Zero means 7.5
}

// Needs implements [Guider].
func (ClassifierFree) Needs(float64) []Condition { return []Condition{Uncond, Cond} }

// Guide implements [Guider].
func (g ClassifierFree) Guide(_ context.Context, p *Predictions) (sampler.Estimate, error) {
	guided, err := g.combine(p)
	if err != nil {
		return sampler.Estimate{}, err
	}
	return sampler.Estimate{Denoised: p.estimate(guided)}, nil
}

// combine returns the guided output of the U-Net.
func (g ClassifierFree) combine(p *Predictions) ([]float32, error) {
	if err := p.have(Uncond, Cond); err != nil {
		return nil, err
	}
	scale := float32(g.Scale)
	if scale == 0 {
		scale = defaultGuidance
	}
	cond, guided := p.Output(Cond), p.scratch()
	for i, u := range p.Output(Uncond) {
		guided[i] = u + float32(scale*float32(cond[i]-u))
	}
	return guided, nil
}
