package diffusion

import (
	"context"

	"sdgo/sampler"
)

// task is what a call does. Each has a file of its own, with the method of [Pipeline]
// that runs it; a new task is one more file. A value serves one call: what the task
// makes on the way it keeps in itself. [Pipeline.do] calls the methods in the order of
// this list, each but shown once; [plain] has those that mostly do nothing.
type task interface {
	// about is what is known of the task before it begins.
	about() about

	// prepare checks what the caller gave, settles the sizes by run.prepare or
	// run.prepareImage, and returns the images that will be read. It allocates nothing
	// of their size.
	prepare(r *run) ([]*source, error)

	// read reads the images. The call has its memory by then.
	read(ctx context.Context, r *run) error

	// start returns the x [Images 4 h w] that sampling begins with. The prompt has been
	// encoded by then.
	start(ctx context.Context, r *run) ([]float32, error)

	// denoiser is run.denoiser, with what the U-Net reads beside the latents, or with the
	// task's own work around it.
	denoiser(r *run) (sampler.Denoiser, error)

	// shown changes x, a copy of the state after each step but the last for
	// Options.OnStep, and the state that the last step leaves, to what it stands for.
	shown(ctx context.Context, x []float32, sigma float64, last bool) error

	// finish changes the pictures.
	finish(ctx context.Context, r *run, made *Result) error
}

// about is what is known of a task before it begins.
type about struct {
	name   string
	inputs []input // the kinds of U-Net that can do it; none for any that reads more than latents

	others   []another
	wordless bool     // there is no prompt
	embeds   bool     // an image is read beside it
	strength float64  // where Options.Strength is zero, or 0: there is no image to begin with
	mask     bool     // there is a mask, for which some options are
	textless textless // which models it is for

	image      bool // that counts by Options.ImageGuidance
	noiseLevel bool // for which Options.NoiseLevel is

	// asSaved takes clip_sample of the model's own scheduler as its file has it, and of
	// PNDM the levels without Runge-Kutta steps, as diffusers does when it inpaints.
	asSaved bool
}

// plain is what most tasks do.
type plain struct{}

func (plain) read(context.Context, *run) error { return nil }

func (plain) denoiser(r *run) (sampler.Denoiser, error) { return r.denoiser(nil) }

func (plain) shown(context.Context, []float32, float64, bool) error { return nil }

func (plain) finish(context.Context, *run, *Result) error { return nil }

// checkTask refuses options that are for other tasks, which would have no effect,
// unlike what the caller means.
func (o *Options) checkTask(a about) error {
	image := a.strength > 0
	for _, option := range []struct {
		name       string
		taken, set bool
		have       any
		want, lack string
	}{
		{"Mask", a.mask, o.Mask != 0, o.Mask, "none", "mask"},
		{"MaskCells", a.mask, o.MaskCells != 0, o.MaskCells, "none", "mask"},
		{"MaskBlur", a.mask, o.MaskBlur != 0, o.MaskBlur, "0", "mask"},
		{"MaskPadding", a.mask, o.MaskPadding != 0, o.MaskPadding, "0", "mask"},
		{"KeepOutside", a.mask, o.KeepOutside, o.KeepOutside, "false", "mask"},
		{"ImageGuidance", a.image, o.ImageGuidance != 0, o.ImageGuidance, "0", "guidance by an image"},
		{"NoiseLevel", a.noiseLevel, o.NoiseLevel != 0, o.NoiseLevel, "0", "noise in its image"},
		{"HighRes", false, o.HighRes.on(), "one", "none", "second pass"},
		{"Strength", image, o.Strength != 0, o.Strength, "0", "image to begin with"},
	} {
		if option.set && !option.taken {
			return badOption(option.name, "have %v, want %s: %s has no %s", option.have, option.want, a.name, option.lack)
		}
	}
	return nil
}
