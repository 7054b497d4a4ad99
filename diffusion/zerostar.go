package diffusion

import (
	"context"
	"fmt"

	"sdgo/sampler"
)

// ZeroStar is CFG-Zero* (Fan et al. 2025, section 4), in diffusers' form: guidance leads
// away from the unconditional prediction as far as that lies in the direction of the
// one with the prompt, on what the U-Net predicts:
//
//	s = ⟨cond, uncond⟩ / ‖uncond‖²
//	s·uncond + w·(cond − s·uncond)
//
// In the calls nearest to the first ZeroSteps noise levels of the run the model's output
// is taken for zero. The paper has velocities of flow matching, and does so in the first 4 %
// of the steps; of a model that predicts the noise the estimate then is x itself.
//
// https://arxiv.org/abs/2503.18886
type ZeroStar struct {
	Scale     float64 // w. Zero means 7.5
	ZeroSteps int     // 0 for none
}

// smallStar is added to ‖uncond‖², as diffusers does.
const smallStar = 1e-8

// Needs implements [Guider].
func (ZeroStar) Needs(sigma float64) []Condition { return ClassifierFree{}.Needs(sigma) }

// WithScale implements [ScaledGuider].
func (g ZeroStar) WithScale(scale float64) Guider {
	g.Scale = exactScale(scale)
	return g
}

// Guide implements [Guider].
func (g ZeroStar) Guide(_ context.Context, p *Predictions) (sampler.Estimate, error) {
	if err := p.have(Uncond, Cond); err != nil {
		return sampler.Estimate{}, err
	}
	guided := p.scratch()
	if step, _ := p.Step(); step < float64(g.ZeroSteps)-0.5 {
		clear(guided)
		return sampler.Estimate{Denoised: p.estimate(guided)}, nil
	}
	scale := float32(g.Scale)
	if scale == 0 {
		scale = defaultGuidance
	}
	cond, uncond := p.Output(Cond), p.Output(Uncond)
	dot, square := 0.0, smallStar
	for i, u := range uncond {
		dot += float64(float64(cond[i]) * float64(u))
		square += float64(float64(u) * float64(u))
	}
	star := float32(dot / square)
	for i, u := range uncond {
		u *= star
		guided[i] = u + float32(scale*float32(cond[i]-u))
	}
	return sampler.Estimate{Denoised: p.estimate(guided)}, nil
}

// check implements checked.
func (g ZeroStar) check(int) error {
	if g.ZeroSteps < 0 {
		return fmt.Errorf("zero star: have ZeroSteps %d, want 0 or more", g.ZeroSteps)
	}
	return checkScale("zero star", "a Scale", g.Scale)
}
