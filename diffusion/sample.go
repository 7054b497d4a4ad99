package diffusion

import (
	"context"
	"fmt"
	"time"

	"sdgo/internal/engine"
	"sdgo/sampler"
	"sdgo/vae"
)

// sample runs x [Images 4 h w] from the first noise level to the last.
func (r *run) sample(ctx context.Context, x []float32) error {
	denoise, err := r.task.denoiser(r)
	if err != nil {
		return err
	}
	begin := time.Now()
	steps := &sampler.Run{Sampler: r.sampler, Denoise: denoise, Sigmas: r.schedule.Sigmas, X: x, Noise: r.samplingNoise(ctx),
		Forget: r.record == 0, Limit: r.record, // only a Step can save the run
		Facts: r.facts,
	}
	if r.Resume != nil {
		if err := r.resume(steps); err != nil {
			return err
		}
	}
	for step, err := range steps.Steps(ctx) {
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("diffusion: %w", err)
		}
		r.result.Timings.Calls = step.Calls
		if r.OnStep != nil {
			if err := r.onStep(ctx, steps, step); err != nil {
				return fmt.Errorf("diffusion: step %d: %w", step.Index, err)
			}
		}
		if step.Index == step.Steps {
			copy(x, step.X)
			if err := r.task.shown(ctx, x, step.Sigma, true); err != nil {
				return err
			}
		}
	}
	r.result.Reused = r.keeper.reused()
	r.result.Timings.Sampling = time.Since(begin)
	return nil
}

// decode turns the x that sampling ended with into latents and pictures.
func (r *run) decode(ctx context.Context, x []float32) error {
	begin := time.Now()
	if r.schedule.FinalScale != 1 {
		for i := range x {
			x[i] *= float32(r.schedule.FinalScale)
		}
	}
	channels := r.VAE.Config.LatentChannels
	size := channels * r.h * r.w
	decoded, err := engine.Scratch(r.VAE.Config.OutChannels*r.Height*r.Width, "a decoded picture")
	if err != nil {
		return fmt.Errorf("diffusion: %w", err)
	}
	defer decoded.Free()
	for i := range r.Images { // one by one: an image takes less memory in 8 bits
		latents := engine.Tensor(x[i*size:(i+1)*size], 1, channels, r.h, r.w)
		if _, err := r.VAE.Decode(r.in(ctx), latents, vae.Options{Into: decoded.Data, Tile: r.decodeTile}); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("diffusion: %w", err)
		}
		if err := checkFinite("vae decoder", decoded.Data); err != nil {
			return fmt.Errorf("diffusion: %w", err)
		}
		images, err := tensorToImages(ctx, decoded.Data, 1, r.Height, r.Width)
		if err != nil {
			return err
		}
		r.result.Images = append(r.result.Images, images...)
	}
	r.result.Latents = engine.Tensor(x, r.Images, channels, r.h, r.w)
	r.result.Timings.VAEDecoder = time.Since(begin)
	return nil
}
