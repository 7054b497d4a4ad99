package diffusion

import (
	"context"
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/sampler"
	"sdgo/unet"
)

// guided says whether the unconditional half is computed. CFG++ needs it whatever
// the scale, and a U-Net that reads the scale never.
func (p *Pipeline) guided(scale float64, s sampler.Sampler) bool {
	return !p.distilled() && (scale > 1 || sampler.NeedsUncond(s))
}

func (r *run) guided() bool { return r.Pipeline.guided(r.Guidance, r.sampler) }

// distilled says whether the U-Net reads the guidance scale (Meng et al. 2023), as
// that of latent consistency models does.
func (p *Pipeline) distilled() bool { return p.UNet.Config.TimeCondProjDim != nil }

// checkDistilled wants nothing of a U-Net that reads the guidance scale for which
// the unconditional half would have to be computed.
func (r *run) checkDistilled() error {
	const why = "of a model that reads the guidance scale (time_cond_proj_dim) there is no prediction without the prompt"
	switch {
	case !r.distilled():
		return nil
	case sampler.NeedsUncond(r.sampler):
		return fmt.Errorf("diffusion: sampler: have one with CFG++, want one without: %s", why)
	case r.GuidanceRescale != 0:
		return fmt.Errorf("diffusion: guidance rescale: have %v, want 0: %s", r.GuidanceRescale, why)
	case r.GuidanceInterval != Interval{}:
		return fmt.Errorf("diffusion: guidance interval: have %v to %v, want none: %s", r.GuidanceInterval.Low, r.GuidanceInterval.High, why)
	}
	return nil
}

// guidanceCond returns the embedding [1 D] of the guidance scale for a U-Net that
// reads it, else nil.
func (r *run) guidanceCond() *tensor.Dense {
	if !r.distilled() {
		return nil
	}
	dim := *r.UNet.Config.TimeCondProjDim
	return engine.Tensor(unet.GuidanceEmbedding(r.Guidance, dim), 1, dim)
}

// guide is classifier-free guidance (Ho and Salimans 2022), equation 6 in the
// form of Stable Diffusion: uncond + g·(cond − uncond). Both predicts without and
// with the prompt, [N 2 4 H W]; outside the guidance interval alone, with it only.
// A sampler that needs it gets the prediction without the prompt too.
//
// https://arxiv.org/abs/2207.12598
func (r *run) guide(both, alone predictor) predictor {
	var out, unguided []float32
	needed := sampler.NeedsUncond(r.sampler)
	g := float32(r.Guidance)
	size := r.VAE.Config.LatentChannels * r.h * r.w // of an image's latents
	return func(ctx context.Context, x []float32, sigma float64) ([]float32, []float32, error) {
		if needed && unguided == nil {
			unguided = make([]float32, len(x))
		}
		if !r.GuidanceInterval.contains(sigma) {
			y, _, err := alone(ctx, x, sigma)
			copy(unguided, y) // a step of CFG++ without guidance is the plain one
			return y, unguided, err
		}
		both, _, err := both(ctx, x, sigma)
		if err != nil {
			return nil, nil, err
		}
		if out == nil {
			out = make([]float32, len(x))
		}
		for i := range r.Images {
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
			uncond, cond := both[2*i*size:(2*i+1)*size], both[(2*i+1)*size:(2*i+2)*size]
			guided := out[i*size : (i+1)*size]
			for j, u := range uncond {
				guided[j] = u + float32(g*float32(cond[j]-u))
			}
			if r.GuidanceRescale > 0 {
				rescale(guided, cond, r.GuidanceRescale)
			}
			if needed {
				copy(unguided[i*size:(i+1)*size], uncond)
			}
		}
		return out, unguided, nil
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
