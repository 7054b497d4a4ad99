package diffusion

import (
	"context"
	"fmt"
	"image"
	"slices"

	"sdgo/sampler"
)

// Inpaint makes pictures of the prompt that keep an image outside a mask.
// Options.Mask says which pixels of the mask are repainted, and Options.MaskCells
// which cells of the latents that makes; outside these the picture is the image as
// the VAE gives it back, or with Options.KeepOutside the image itself. Image and
// mask are resized to the size of the picture, each by itself, so that a mask of
// another size is stretched over the image. ErrEmptyMask says that there is nothing
// to repaint. Both are read during the call, on its goroutine, row by row, and must not
// change; one that panics or has fewer pixels than its bounds say gives an error.
//
// A model whose U-Net has 9 input channels was trained for this and sees the mask
// and the masked image (Rombach et al. 2022, section 4.5); with a U-Net of 4 channels
// the latents outside the mask are put back before every call (Lugmayr et al.
// 2022, without resampling), with noise of the call's level; in the second call of a
// DPM2 step diffusers puts back those of the step's end. See TextToImage.
//
// https://arxiv.org/abs/2201.09865
func (p *Pipeline) Inpaint(ctx context.Context, prompt string, img, mask image.Image, o *Options) (*Result, error) {
	r, err := p.newRun(ctx, inpaint, o)
	if err != nil {
		return nil, err
	}
	defer r.close()
	original, area, err := r.newArea(ctx, img, mask)
	if err != nil {
		return nil, err
	}
	if err := r.encodeText(ctx, prompt); err != nil {
		return nil, err
	}
	given, pixels, err := r.readImage(ctx, original)
	if err != nil {
		return nil, err
	}
	x, out, err := r.startInpainting(ctx, pixels, area)
	if err != nil {
		return nil, err
	}

	// The masked image is encoded for either kind of model: it takes noise from
	// the stream of the seed, which later noise must follow.
	trained := p.trainedToInpaint()
	masked, err := r.maskedLatents(ctx, pixels, area, trained)
	if err != nil {
		return nil, err
	}
	if trained {
		err = r.sampleTrained(ctx, x, area, masked)
	} else {
		err = r.sampleInside(ctx, x, out)
	}
	if err != nil {
		return nil, err
	}
	result, err := r.finish(ctx, x)
	if err != nil || !r.KeepOutside {
		return result, err
	}
	for _, img := range result.Images {
		rows := given.opaque(ctx)
		if original.width == r.Width && original.height == r.Height {
			rows = original.nrgba(ctx)
		}
		if err := overlay(img, area.mask, rows); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// newArea checks what Inpaint was given, claims its memory and reads the mask.
func (r *run) newArea(ctx context.Context, img, mask image.Image) (*source, *area, error) {
	if have, want := r.UNet.Config.InChannels, r.VAE.Config.LatentChannels; !r.trainedToInpaint() && have != want {
		return nil, nil, fmt.Errorf("diffusion: the U-Net has %d input channels, want %d, or %d for inpainting", have, want, 2*want+1)
	}
	original, err := newSource("image", img)
	if err != nil {
		return nil, nil, err
	}
	if err := r.prepareImage(original, 1); err != nil {
		return nil, nil, err
	}
	if r.schedule.Steps() < 1 { // PNDM has a call left then, which diffusers makes in image-to-image alone
		return nil, nil, wrong(fmt.Errorf("diffusion: strength: have %g of %d steps, which leaves no step to run", r.Strength, r.Options.Steps))
	}
	painted, err := r.newMask(mask)
	if err != nil {
		return nil, nil, err
	}
	if err := r.claimMemory(ctx, original, painted); err != nil {
		return nil, nil, err
	}
	area, err := newArea(ctx, painted, &r.Options, r.h, r.w)
	if err != nil {
		return nil, nil, err
	}
	r.note("mask", append(slices.Clone(area.mask), byte(area.choice)))
	return original, area, nil
}

// startInpainting returns the x that a run starts from: noise alone at a strength of 1,
// or else the image's latents with noise. What it has of the image is what stays of it.
func (r *run) startInpainting(ctx context.Context, pixels []float32, area *area) (x []float32, o *outside, err error) {
	pure := r.Strength == 1
	o = &outside{cells: area.cells, finalScale: float32(r.schedule.FinalScale)}
	if !r.trainedToInpaint() || !pure {
		posterior, err := r.encodeImage(ctx, pixels)
		if err != nil {
			return nil, nil, err
		}
		if o.clean, err = r.sampleLatents(ctx, posterior); err != nil {
			return nil, nil, err
		}
	}
	if o.noise, err = r.initialNoise(ctx); err != nil {
		return nil, nil, err
	}
	if !pure {
		return addNoise(o.clean, o.noise, r.schedule.Sigmas[0]), o, nil
	}
	x = make([]float32, len(o.noise))
	for i, v := range o.noise {
		x[i] = v * float32(r.schedule.InitNoiseSigma)
	}
	return x, o, nil
}

// sampleTrained runs a model that sees the mask and the masked image's latents.
func (r *run) sampleTrained(ctx context.Context, x []float32, area *area, masked []float32) error {
	extra := make([][]float32, r.Images)
	size := len(masked) / r.Images
	for i := range extra {
		extra[i] = append(append(extra[i], area.cells...), masked[i*size:(i+1)*size]...)
	}
	denoise, err := r.denoiser(extra)
	if err != nil {
		return err
	}
	return r.sample(ctx, x, denoise)
}

// sampleInside runs any other model, and keeps what stays of the image.
func (r *run) sampleInside(ctx context.Context, x []float32, o *outside) error {
	denoise, err := r.denoiser(nil)
	if err != nil {
		return err
	}
	r.keep = o
	if err := r.sample(ctx, x, o.denoiser(denoise, r.schedule.Sigmas[0])); err != nil {
		return err
	}
	o.finish(x)
	return nil
}

// newMask checks the mask.
func (r *run) newMask(mask image.Image) (*source, error) {
	if err := r.checkMask(); err != nil {
		return nil, err
	}
	return newSource("mask", mask)
}

// maskedLatents draws latents [Images 4 h w] of the image with the area to
// repaint made gray. If they are not wanted it only draws the noise.
func (r *run) maskedLatents(ctx context.Context, pixels []float32, a *area, wanted bool) ([]float32, error) {
	if !wanted {
		r.drawNoise(ctx, make([]float32, r.Images*r.VAE.Config.LatentChannels*r.h*r.w))
		return nil, ctx.Err()
	}
	hidden, err := a.hide(ctx, pixels)
	if err != nil {
		return nil, err
	}
	posterior, err := r.encodeImage(ctx, hidden)
	if err != nil {
		return nil, err
	}
	return r.sampleLatents(ctx, posterior)
}

// outside is what stays of the image outside the mask.
type outside struct {
	clean, noise []float32 // latents [N C H W], and the noise to add to them
	cells        []float32 // the mask [H W]
	finalScale   float32   // of the schedule
}

// denoiser is a Denoiser that first puts the clean latents, with noise of the same
// level, back outside the mask. The run's first x is left as it is.
func (o *outside) denoiser(denoise sampler.Denoiser, first float64) sampler.Denoiser {
	started := false
	return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		if started || sigma != first {
			if err := o.putBack(ctx, x, sigma); err != nil {
				return sampler.Estimate{}, err
			}
		}
		started = true
		return denoise(ctx, x, sigma)
	}
}

// putBack puts the latents with noise of a level into x. It looks at ctx every few
// thousand numbers.
func (o *outside) putBack(ctx context.Context, x []float32, sigma float64) error {
	s, size := float32(sigma), len(o.cells)
	for start := 0; start < len(x); start += size {
		if err := ctx.Err(); err != nil {
			return err
		}
		blend(x[start:start+size], o.cells, func(i int) float32 { return o.clean[start+i] + float32(s*o.noise[start+i]) })
	}
	return nil
}

// finish puts the latents into the x that a run ends with.
func (o *outside) finish(x []float32) {
	blend(x, o.cells, func(i int) float32 { return o.clean[i] / o.finalScale })
}

// blend puts keep outside the mask cells [H W] into x [N C H W].
func blend(x, cells []float32, keep func(i int) float32) {
	for i := range x {
		m := cells[i%len(cells)]
		x[i] = float32((1-m)*keep(i)) + float32(m*x[i])
	}
}
