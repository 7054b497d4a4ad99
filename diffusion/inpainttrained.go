package diffusion

import (
	"context"
	"slices"

	"sdgo/sampler"
)

// inpaintTrained inpaints with a model that sees the mask and the latents of the masked
// image (Rombach et al. 2022, section 4.5). Where the mask's value is a strength it also
// puts latents back.
type inpaintTrained struct {
	painting
	masked  []float32 // the latents [Images 4 h w]
	outside *outside  // nil if nothing is put back
}

func (t *inpaintTrained) start(ctx context.Context, r *run) (_ []float32, err error) {
	soft := r.MaskCells == MaskCellsSoft
	var clean []float32
	if r.Strength < 1 || r.DenoisingStart > 0 || soft {
		if clean, err = r.drawLatents(ctx, t.tensors()...); err != nil {
			return nil, err
		}
	}
	noise, err := r.initialNoise(ctx)
	if err != nil {
		return nil, err
	}
	var hidden [][]float32
	for _, it := range t.items {
		x, err := it.area.hide(ctx, it.pixels)
		if err != nil {
			return nil, err
		}
		hidden = append(hidden, x)
	}
	if t.masked, err = r.drawLatents(ctx, hidden...); err != nil {
		return nil, err
	}
	if soft {
		t.outside = &outside{&t.painting, r, clean, noise}
	}
	return t.begin(ctx, r, clean, noise)
}

// denoiser gives the U-Net the mask and the masked latents beside the latents.
func (t *inpaintTrained) denoiser(r *run) (sampler.Denoiser, error) {
	extra := make([][]float32, 0, r.Images)
	for latents := range slices.Chunk(t.masked, len(t.masked)/r.Images) {
		extra = append(extra, slices.Concat(t.at(len(extra)).area.channel(), latents))
	}
	denoise, err := r.denoiser(extra)
	if err != nil || t.outside == nil {
		return denoise, err
	}
	return t.outside.around(denoise), nil
}

func (t *inpaintTrained) shown(ctx context.Context, x []float32, sigma float64, last bool) error {
	if t.outside == nil {
		return nil
	}
	return t.outside.shown(ctx, x, sigma, last)
}
