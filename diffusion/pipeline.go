package diffusion

import (
	"context"
	"time"

	"sdgo/clip"
	"sdgo/internal/engine"
	"sdgo/internal/model"
	"sdgo/scheduler"
	"sdgo/unet"
	"sdgo/vae"
)

// Pipeline wires the parts of Stable Diffusion (Rombach et al. 2022) together.
// It is safe for concurrent use: calls share the weights, and all else is their
// own. The parts may be used alone too.
//
// A call's Denoiser, noise and Step end with it: who kept one gets an error. A panic
// in a function or sampler of the caller's passes through to the caller, after what
// the call held was given back.
//
// https://arxiv.org/abs/2112.10752
type Pipeline struct {
	Tokenizer   *clip.Tokenizer
	TextEncoder *clip.TextEncoder
	UNet        *unet.UNet
	VAE         *vae.VAE

	// ImageEncoder is that of a model that reads the embedding of an image in place of a
	// text, which has nil as Tokenizer and TextEncoder, see ImageVariation, or beside one, see
	// UnCLIP. It is nil in other models.
	ImageEncoder *clip.ImageEncoder

	// Preview decodes what Step.DecodedPreview shows: an AutoencoderTiny, say. Nil means
	// none. It reads the same latents as the VAE, scaled to unit variance. See Close.
	Preview *vae.VAE

	// Safety checks the finished pictures of all calls. Nil means that none is checked. See
	// Close.
	Safety *SafetyChecker

	// Tokenizer2 and TextEncoder2 are the second ones of Stable Diffusion XL (Podell et
	// al. 2024), nil in other models. Its U-Net reads the tokens of both encoders side by
	// side, without their last layer and the final normalisation, and the projected
	// embedding of the whole text of the second. Its refiner has these alone, and nil as
	// Tokenizer and TextEncoder.
	//
	// https://arxiv.org/abs/2307.01952
	Tokenizer2   *clip.Tokenizer
	TextEncoder2 *clip.TextEncoder

	// Scheduler says how a run steps where Options do not. It is the model's
	// config with steps_offset 1 and, unless the model was trained to inpaint,
	// clip_sample false, whatever its file says: as diffusers does, which takes
	// other values for mistakes of old files. Its pipeline for inpainting does not, and
	// neither does Inpaint, which clips if the file says so whatever the model. Of a model
	// for depth-to-image, and of Stable Diffusion XL, nothing is changed. A config set
	// here later is taken as it is.
	Scheduler *scheduler.Config

	// Warnings are what the model's files say that [Load] did not take into account,
	// such as keys of a config.json that are not known, one sentence each.
	Warnings []string

	// Identity is what [Load] found the model to be; empty of one from New or NewXL.
	Identity Identity

	texts          *textCache
	imageProcessor ImageProcessor // for the ImageEncoder
	unclip         *unclip        // nil but of Stable unCLIP

	names     []named // that its files have for it
	class     string  // diffusers' pipeline, of a model without text
	zeroEmpty bool    // an empty negative prompt is zeros (force_zeros_for_empty_prompt)

	taught taught

	modelScheduler *scheduler.Config // the Scheduler that is the model's own
	clips          bool              // clip_sample of its file

	engine *engine.Engine // nil if the parts are the caller's
	calls  *model.Gate
	limits limits
}

// do runs a task: what every picture is made by.
func (p *Pipeline) do(ctx context.Context, t task, prompt string, o *Options) (*Result, error) {
	r, err := p.newRun(ctx, t, prompt, o)
	if err != nil {
		return nil, err
	}
	defer r.close()
	images, err := t.prepare(r)
	if err != nil {
		return nil, err
	}
	if err := r.claimMemory(ctx, images...); err != nil {
		return nil, err
	}
	if err := t.read(ctx, r); err != nil {
		return nil, err
	}
	if err := r.controls.readAll(ctx); err != nil {
		return nil, err
	}
	if err := r.encodeText(ctx); err != nil {
		return nil, err
	}
	if err := r.showImages(ctx); err != nil {
		return nil, err
	}
	if err := r.ground(ctx); err != nil {
		return nil, err
	}
	x, err := t.start(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := r.sample(ctx, x); err != nil {
		return nil, err
	}
	if r.keepLatents(x); r.Output == OutputImage {
		if err := r.decode(ctx, x); err != nil {
			return nil, err
		}
		if err := t.finish(ctx, r, &r.result); err != nil {
			return nil, err
		}
		if err := r.check(ctx); err != nil {
			return nil, err
		}
		if err := r.mark(ctx); err != nil {
			return nil, err
		}
	}
	r.describe()
	r.result.Timings.Total = time.Since(r.begin)
	return &r.result, nil
}

// defaultSize is the size of the pictures that the model was trained on.
func (p *Pipeline) defaultSize() (width, height int) {
	height, width = p.UNet.Config.Cells()
	factor := p.VAE.Config.Factor()
	return factor * width, factor * height
}
