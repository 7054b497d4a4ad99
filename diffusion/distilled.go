package diffusion

import (
	"slices"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/sampler"
	"sdgo/unet"
)

// distilled says whether the U-Net reads the guidance scale (Meng et al. 2023), as
// that of latent consistency models does.
//
// https://arxiv.org/abs/2210.03142
func (p *Pipeline) distilled() bool { return p.UNet.Config.TimeCondProjDim != nil }

const whyDistilled = "of a model that reads the guidance scale (time_cond_proj_dim) there is no prediction without the prompt"

// checkDistilled wants nothing of a U-Net that reads the guidance scale for which
// the unconditional half would have to be computed.
func (r *run) checkDistilled() error {
	switch {
	case !r.distilled():
		return nil
	case sampler.NeedsUncond(r.sampler):
		return badOption("Sampler", "have one with CFG++, want one without: %s", whyDistilled)
	case r.GuidanceRescale != 0:
		return badOption("GuidanceRescale", "have %v, want 0: %s", r.GuidanceRescale, whyDistilled)
	case r.GuidanceInterval != Interval{}:
		return badOption("GuidanceInterval", "have %v to %v, want none: %s", r.GuidanceInterval.Low, r.GuidanceInterval.High, whyDistilled)
	}
	return nil
}

// guidanceCond returns the embedding [K D] of the guidance scale for K texts of a U-Net that
// reads it, else nil.
func (r *run) guidanceCond(texts int) *tensor.Dense {
	if !r.distilled() {
		return nil
	}
	dim := *r.UNet.Config.TimeCondProjDim
	return engine.Tensor(slices.Repeat(unet.GuidanceEmbedding(r.Guidance, dim), texts), texts, dim)
}
