package diffusion

import (
	"context"
	"image"
	"slices"

	"sdgo/internal/engine"
	"sdgo/sampler"
)

// watcher is a Denoiser that tells the caller of each step done. A sampler has
// finished step i when it first asks about the level after it.
type watcher struct {
	*run
	next     sampler.Denoiser
	calls    int
	level    int // index in the schedule of the latest level
	denoised []float32
}

func (w *watcher) denoise(ctx context.Context, x []float32, sigma float64) ([]float32, error) {
	if w.calls > 0 {
		if i := slices.Index(w.schedule.Sigmas[w.level+1:], sigma); i >= 0 {
			w.level += i + 1
			if err := w.report(x, sigma); err != nil {
				return nil, err
			}
		}
	}
	w.calls++
	denoised, err := w.next(ctx, x, sigma)
	w.denoised = denoised
	return denoised, err
}

// last reports the last step.
func (w *watcher) last(x []float32) error {
	w.level = len(w.schedule.Timesteps)
	return w.report(x, w.schedule.Sigmas[w.level])
}

func (w *watcher) report(x []float32, sigma float64) error {
	if w.OnStep == nil {
		return nil
	}
	return w.OnStep(Step{
		Step: w.level, Steps: len(w.schedule.Timesteps), Sigma: sigma,
		Latents:  engine.Tensor(slices.Clone(x), w.Images, w.VAE.Config.LatentChannels, w.h, w.w),
		denoised: w.denoised,
	})
}

// Preview returns a small picture of each image, one pixel for each latent cell:
// a linear guess at what the denoised latents show, made for Stable Diffusion 1.
// It is an error if the latents have other than 4 channels.
func (s Step) Preview() ([]*image.NRGBA, error) {
	shape := s.Latents.Shape()
	size := shape[1] * shape[2] * shape[3]
	var out []*image.NRGBA
	for i := range shape[0] {
		img, err := previewImage(s.denoised[i*size:(i+1)*size], shape[2], shape[3], 1)
		if err != nil {
			return nil, err
		}
		out = append(out, img)
	}
	return out, nil
}
