package diffusion

import (
	"context"
	"errors"
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
	end := r.newCut()
	steps := &sampler.Run{Sampler: r.sampler, Denoise: r.counting(end.wrap(denoise)), Sigmas: r.schedule.Sigmas, X: x, Noise: r.samplingNoise(ctx),
		Forget: r.record == 0, Limit: r.record, // only a Step can save the run
		Facts: r.facts,
	}
	if r.Resume != nil {
		if err := r.resume(steps); err != nil {
			return err
		}
	}
	if err := r.follow(ctx, steps, end, x); err != nil {
		return err
	}
	r.result.Reused = r.keeper.reused()
	r.result.Timings.Sampling = time.Since(begin)
	return nil
}

// follow makes the steps of a run and leaves in x where it ends.
func (r *run) follow(ctx context.Context, steps *sampler.Run, end *cut, x []float32) error {
	if first := r.schedule.Sigmas[0]; end.at(first) { // before the first step
		r.final = r.schedule.Scale(first)
		return nil
	}
	for step, err := range steps.Steps(ctx) {
		switch {
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errCut):
			r.result.Timings.Calls++
			return r.ended(ctx, x, end.x, end.sigma)
		case err != nil:
			return fmt.Errorf("diffusion: %w", err)
		}
		r.result.Timings.Calls, r.progress.steps = step.Calls, step.Index
		last := step.Index == step.Steps || end.at(step.Sigma)
		if r.OnStep != nil {
			step.Steps = end.steps(step.Steps)
			if err := r.onStep(ctx, steps, step, last); err != nil {
				return fmt.Errorf("diffusion: step %d: %w", step.Index, err)
			}
		}
		if last {
			return r.ended(ctx, x, step.X, step.Sigma)
		}
	}
	return nil
}

// ended leaves in x the state that a run ends with.
func (r *run) ended(ctx context.Context, x, state []float32, sigma float64) error {
	copy(x, state)
	r.final = r.schedule.Scale(sigma)
	return r.task.shown(ctx, x, sigma, true)
}

// keepLatents turns the x that sampling ended with into the latents of the result.
func (r *run) keepLatents(x []float32) {
	if r.final != 1 {
		for i := range x {
			x[i] *= float32(r.final)
		}
	}
	r.result.Latents = r.latentTensor(x)
}

// decode makes pictures of the latents x [Images 4 h w].
func (r *run) decode(ctx context.Context, x []float32) error {
	begin := time.Now()
	channels := r.VAE.Config.LatentChannels
	size := channels * r.h * r.w
	decoded, err := engine.Scratch(r.VAE.Config.OutChannels*r.Height*r.decodedWidth(), "a decoded picture")
	if err != nil {
		return fmt.Errorf("diffusion: %w", err)
	}
	defer decoded.Free()
	for i := range r.Images { // one by one: an image takes less memory in 8 bits
		latents := engine.Tensor(r.wrapped(x[i*size:(i+1)*size]), 1, channels, r.h, r.w+2*r.beyond())
		if _, err := r.VAE.Decode(r.in(ctx), latents, vae.Options{Into: decoded.Data, Tile: r.decodeTile, Exact: r.TileExact, Seamless: r.seams()}); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("diffusion: %w", err)
		}
		if err := checkFinite("vae decoder", decoded.Data); err != nil {
			return fmt.Errorf("diffusion: %w", err)
		}
		img, err := asImage(ctx, r.unwrapped(decoded.Data), r.VAE.Config.OutChannels, r.Height, r.Width)
		if err != nil {
			return err
		}
		r.result.Images = append(r.result.Images, img)
	}
	r.result.Timings.VAEDecoder = time.Since(begin)
	return nil
}
