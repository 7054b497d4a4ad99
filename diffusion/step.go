package diffusion

import (
	"image"
	"slices"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/sampler"
)

// Step is the state of a run after a step.
type Step struct {
	Step, Steps int     // steps done, counted from 1, and in all
	Sigma       float64 // noise level of Latents

	// Calls is the number of calls of the U-Net so far, for each image; guidance
	// counts once. Reused is how many of them left its deep part out, by image; it
	// is nil without Options.Reuse.
	Calls  int
	Reused []int

	// Latents [N 4 H/8 W/8] is x₀ + Sigma·ε.
	Latents *tensor.Dense

	denoised []float32
	run      *sampler.Run
	keeper   *keeper
}

// report describes a step of the run to the caller.
func (r *run) report(steps *sampler.Run, s sampler.Step) Step {
	return Step{
		Step: s.Index, Steps: len(r.schedule.Timesteps), Sigma: s.Sigma,
		Latents:  engine.Tensor(slices.Clone(s.X), r.Images, r.VAE.Config.LatentChannels, r.h, r.w),
		Calls:    s.Calls,
		Reused:   r.keeper.reused(),
		denoised: s.Denoised, run: steps, keeper: r.keeper,
	}
}

// Preview returns a small picture of each image, one pixel for each latent cell:
// a linear guess at what the denoised latents show, made for Stable Diffusion 1.
// It is an error if the latents have other than 4 channels. Call it during
// OnStep.
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

// Save returns the run up to this step as bytes for Options.Resume. Call it
// during OnStep. With Options.Reuse they hold the features that are kept: tens of
// megabytes an image at 512×512 pixels.
func (s Step) Save() ([]byte, error) {
	data, err := s.run.Save()
	if err != nil {
		return nil, err
	}
	return s.keeper.save(data)
}
