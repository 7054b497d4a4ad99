package diffusion

import (
	"context"
	"slices"

	"sdgo/sampler"
)

// inpaintTrained inpaints with a model that sees the mask and the latents of the masked
// image (Rombach et al. 2022, section 4.5).
type inpaintTrained struct {
	painting
	masked []float32 // the latents [Images 4 h w]
}

func (t *inpaintTrained) start(ctx context.Context, r *run) (_ []float32, err error) {
	var clean []float32
	if r.Strength < 1 || r.DenoisingStart > 0 {
		if clean, err = r.drawLatents(ctx, t.pixels); err != nil {
			return nil, err
		}
	}
	noise, err := r.initialNoise(ctx)
	if err != nil {
		return nil, err
	}
	hidden, err := t.area.hide(ctx, t.pixels)
	if err != nil {
		return nil, err
	}
	if t.masked, err = r.drawLatents(ctx, hidden); err != nil {
		return nil, err
	}
	return t.begin(ctx, r, clean, noise)
}

// denoiser gives the U-Net the mask and the masked latents beside the latents.
func (t *inpaintTrained) denoiser(r *run) (sampler.Denoiser, error) {
	extra := make([][]float32, 0, r.Images)
	for latents := range slices.Chunk(t.masked, len(t.masked)/r.Images) {
		extra = append(extra, slices.Concat(t.area.cells, latents))
	}
	return r.denoiser(extra)
}
