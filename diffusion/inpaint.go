package diffusion

import (
	"context"
	"fmt"
	"image"

	"sdgo/sampler"
)

// Inpaint makes pictures of the prompt that keep an image outside a mask of the
// same size. Options.Mask says which pixels of the mask are repainted. A model
// whose U-Net has 9 input channels was trained for this and sees the mask and
// the masked image (Rombach et al. 2022, section 4.5); with a U-Net of 4 channels
// the latents outside the mask are put back after every step (Lugmayr et al.
// 2022, without resampling). See TextToImage.
//
// https://arxiv.org/abs/2201.09865
func (p *Pipeline) Inpaint(ctx context.Context, prompt string, img, mask image.Image, o *Options) (*Result, error) {
	config := *p.Scheduler
	config.SkipPRKSteps = true // as diffusers does in this pipeline
	r, err := p.newRun(inpaint, &config, o)
	if err != nil {
		return nil, err
	}
	defer r.close()
	channels := p.VAE.Config.LatentChannels
	trained := p.trainedToInpaint()
	if !trained && p.UNet.Config.InChannels != channels {
		return nil, fmt.Errorf("diffusion: the U-Net has %d input channels, want %d, or %d for inpainting", p.UNet.Config.InChannels, channels, 2*channels+1)
	}
	if err := r.prepareImage(img, 1); err != nil {
		return nil, err
	}
	if err := checkMask(mask, img, r.Mask); err != nil {
		return nil, err
	}
	repaint, err := maskToTensor(mask, r.Mask, r.Width, r.Height)
	if err != nil {
		return nil, err
	}
	if err := r.encodeText(ctx, prompt); err != nil {
		return nil, err
	}

	pixels := imageToTensor(img, r.Width, r.Height)
	cells := maskToLatents(repaint, r.Height, r.Width, r.h, r.w)
	pure := r.Strength == 1 // start from noise alone
	var clean []float32
	if !trained || !pure {
		posterior, err := r.encodeImage(ctx, pixels)
		if err != nil {
			return nil, err
		}
		if clean, err = r.sampleLatents(posterior); err != nil {
			return nil, err
		}
	}
	noise, err := r.initialNoise()
	if err != nil {
		return nil, err
	}
	var x []float32
	if pure {
		x = make([]float32, len(noise))
		for i, v := range noise {
			x[i] = v * float32(r.schedule.InitNoiseSigma)
		}
	} else {
		x = addNoise(clean, noise, r.schedule.Sigmas[0])
	}

	// The masked image is encoded for either kind of model: it takes noise from
	// the stream of the seed, which later noise must follow.
	masked, err := r.maskedLatents(ctx, pixels, repaint, trained)
	if err != nil {
		return nil, err
	}
	if trained {
		extra := make([][]float32, r.Images)
		size := len(masked) / r.Images
		for i := range extra {
			extra[i] = append(append(extra[i], cells...), masked[i*size:(i+1)*size]...)
		}
		denoise, err := r.denoiser(extra)
		if err != nil {
			return nil, err
		}
		if err := r.sample(ctx, x, denoise); err != nil {
			return nil, err
		}
	} else {
		denoise, err := r.denoiser(nil)
		if err != nil {
			return nil, err
		}
		if err := r.sample(ctx, x, keepOutside(denoise, clean, noise, cells, r.schedule.Sigmas[0])); err != nil {
			return nil, err
		}
		blend(x, cells, func(i int) float32 { return clean[i] / float32(r.schedule.FinalScale) })
	}
	result, err := r.finish(ctx, x)
	if err != nil {
		return nil, err
	}
	if r.KeepOutside {
		for _, out := range result.Images {
			keepOutsideMask(out, img, repaint)
		}
	}
	return result, nil
}

// maskedLatents draws latents [Images 4 h w] of the image with the masked pixels
// made grey. If they are not wanted it only draws the noise.
func (r *run) maskedLatents(ctx context.Context, pixels, mask []float32, wanted bool) ([]float32, error) {
	if !wanted {
		r.drawNoise(make([]float32, r.Images*r.VAE.Config.LatentChannels*r.h*r.w))
		return nil, nil
	}
	posterior, err := r.encodeImage(ctx, maskedImage(pixels, mask))
	if err != nil {
		return nil, err
	}
	return r.sampleLatents(posterior)
}

// keepOutside is a Denoiser that first puts the clean latents, with noise of the
// same level, back outside the mask. The run's first x is left as it is.
func keepOutside(denoise sampler.Denoiser, clean, noise, cells []float32, first float64) sampler.Denoiser {
	started := false
	return func(ctx context.Context, x []float32, sigma float64) ([]float32, error) {
		if started || sigma != first {
			s := float32(sigma)
			blend(x, cells, func(i int) float32 { return clean[i] + float32(s*noise[i]) })
		}
		started = true
		return denoise(ctx, x, sigma)
	}
}

// blend puts keep outside the mask cells [H W] into x [N C H W].
func blend(x, cells []float32, keep func(i int) float32) {
	for i := range x {
		m := cells[i%len(cells)]
		x[i] = float32((1-m)*keep(i)) + float32(m*x[i])
	}
}
