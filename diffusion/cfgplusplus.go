package diffusion

import (
	"context"

	"sdgo/sampler"
)

// plusPlus is the guidance of CFG++ (see [sampler.NeedsUncond]): that of another Guider,
// with the unconditional estimate beside it. Where the other does not need that, the
// sampler's step is the plain one, for which both estimates are the same.
type plusPlus struct{ Guider Guider }

// Needs implements [Guider].
func (g plusPlus) Needs(sigma float64) []Condition { return g.Guider.Needs(sigma) }

// Guide implements [Guider].
func (g plusPlus) Guide(ctx context.Context, p *Predictions) (sampler.Estimate, error) {
	est, err := g.Guider.Guide(ctx, p)
	if err != nil || est.Uncond != nil {
		return est, err
	}
	if est.Uncond = p.Denoised(Uncond); est.Uncond == nil {
		est.Uncond = est.Denoised
	}
	return est, nil
}
