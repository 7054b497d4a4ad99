package diffusion

import (
	"context"
	"errors"
	"slices"
	"sync"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/nn"
	"sdgo/sampler"
)

// Step is the state of a run after a step. Its fields, which are the caller's own,
// may be kept; its methods may be called from any goroutine while OnStep runs, and
// are an error after that.
type Step struct {
	// Step is the number of steps done, from 1, and Steps of all: as many as were asked
	// for, or as Strength leaves of them, however often the sampler calls the U-Net in a
	// step. PLMS, which makes one call more, has done its first step after two. A list of
	// noise levels that is longer or shorter than the steps asked for (schedules
	// "ddim_uniform" and "beta", Options.Sigmas) has as many steps as it has; the samplers
	// dpm_fast and dpm_adaptive leave some numbers out.
	Step, Steps int

	// Sigma is the noise level of Latents: 0 in the end, but for schedules that end
	// above it.
	Sigma float64

	// Calls is the number of calls of the U-Net so far, for each image; guidance
	// counts once. Reused is how many of them left its deep part out, by image; it
	// is nil without Options.Reuse.
	Calls  int
	Reused []int

	// Latents [N 4 H/8 W/8] is x₀ + Sigma·ε, where the next step begins. Inpainting with
	// a U-Net of 4 channels has put the image back outside the mask.
	Latents *tensor.Dense

	// Denoised [N 4 H/8 W/8] is the latest estimate of the clean latents, which Preview
	// shows: guided, and of inpainting with a U-Net of 4 channels outside the mask too. It
	// is nil if the sampler has not called the model.
	Denoised *tensor.Dense

	moment *moment
}

// moment is what a Step reads of its run, which waits meanwhile.
type moment struct {
	ctx      context.Context
	run      *run
	steps    *sampler.Run
	denoised []float32

	mu   sync.RWMutex // held for reading while a method of the Step runs
	over bool
}

// errOver is the error of a Step that was kept.
var errOver = errors.New("diffusion: step: have one that is over, want a call during OnStep")

// onStep reports a step of the run to the caller.
func (r *run) onStep(ctx context.Context, steps *sampler.Run, s sampler.Step, last bool) error {
	m := &moment{ctx: ctx, run: r, steps: steps, denoised: s.Denoised}
	defer m.end()
	latents := slices.Clone(s.X)
	if err := r.task.shown(ctx, latents, s.Sigma, last); err != nil {
		return err
	}
	step := Step{
		Step: s.Index, Steps: s.Steps, Sigma: s.Sigma,
		Latents: r.latentTensor(latents),
		Calls:   s.Calls,
		Reused:  r.keeper.reused(),
		moment:  m,
	}
	if s.Denoised != nil {
		step.Denoised = r.latentTensor(slices.Clone(s.Denoised))
	}
	return r.OnStep(step)
}

// latentTensor is x as a tensor [N 4 h w].
func (r *run) latentTensor(x []float32) *tensor.Dense {
	return engine.Tensor(x, r.Images, r.VAE.Config.LatentChannels, r.h, r.w)
}

// end waits for the methods that run and makes later ones an error.
func (m *moment) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
}

// SetLatents puts latents [N 4 H/8 W/8], finite numbers at the level Sigma, in the place of
// those of the run: it goes on from there, or ends there after the last step. Latents with the change
// that is wanted are a start; a change of the estimate of the clean latents is one of these:
// x + (changed − Denoised). Samplers of several steps keep their earlier estimates, and inpainting puts
// the image back outside the mask. Whatever depends on nothing but the latents keeps pictures
// the same in any batch and on any number of threads. A run that is saved after that, and taken up again, goes on
// from there, too; OnStep is called for its later steps alone. It is an error once OnStep has returned.
func (s Step) SetLatents(latents *tensor.Dense) error {
	if s.moment == nil {
		return errOver
	}
	s.moment.mu.Lock() // which Save, on another goroutine, waits for
	defer s.moment.mu.Unlock()
	if s.moment.over {
		return errOver
	}
	r := s.moment.run
	x, err := nn.Floats("diffusion: step: latents", latents, r.Images, r.VAE.Config.LatentChannels, r.h, r.w)
	if err == nil {
		err = checkFinite("diffusion: step: latents", x)
	}
	if err != nil {
		return err
	}
	r.edited = true
	return s.moment.steps.Replace(x)
}

// during calls f unless the step is over.
func (m *moment) during(f func() error) error {
	if m == nil {
		return errOver
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.over {
		return errOver
	}
	return f()
}

// Save returns the run up to this step as bytes for Options.Resume. It is an error
// once OnStep has returned, and if LoadOptions.MaxMemory has no room for what the run
// must keep for it, which does not depend on other calls. With Options.Reuse they hold the features that are kept:
// tens of megabytes an image at 512×512 pixels.
//
// It is an error to resume a run that was made of another prompt, seed, size, image, mask,
// sampler, schedule, guidance or model, or of another number of images. How the picture is
// decoded (Tile, TileExact, KeepOutside), Threads, and OnStep may differ; whether Wrap does cannot be
// told. Bytes that are cut, changed, or of an older version are errors.
func (s Step) Save() (data []byte, err error) {
	err = s.moment.during(func() error {
		if s.moment.run.record == 0 {
			return errors.New("diffusion: save: LoadOptions.MaxMemory has no room for what the model has computed so far")
		}
		if data, err = s.moment.steps.Save(); err == nil {
			if data, err = s.moment.run.keeper.save(data); err == nil {
				data, err = s.moment.run.guide.save(data)
			}
		}
		return err
	})
	return data, err
}
