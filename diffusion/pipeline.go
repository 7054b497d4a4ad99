// Package diffusion makes pictures: text-to-image, image-to-image and
// inpainting with Stable Diffusion 1 and 2.
//
//	pipe, err := diffusion.Load("stable-diffusion-v1-5", nil)
//	…
//	result, err := pipe.TextToImage(ctx, "a lighthouse at dusk", &diffusion.Options{Seed: 7})
package diffusion

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"

	"gorgonia.org/tensor"

	"sdgo/clip"
	"sdgo/internal/engine"
	"sdgo/internal/model"
	"sdgo/internal/nn"
	"sdgo/sampler"
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

	// Scheduler says how a run steps where Options do not. It is the model's
	// config with steps_offset 1 and, unless the model was trained to inpaint,
	// clip_sample false, whatever its file says: as diffusers does, which takes
	// other values for mistakes of old files. Its pipeline for inpainting does not, and
	// neither does Inpaint, which clips if the file says so whatever the model. A config
	// set here later is taken as it is.
	Scheduler *scheduler.Config

	// Warnings are what the model's files say that [Load] did not take into account,
	// such as keys of a config.json that are not known, one sentence each.
	Warnings []string

	modelScheduler *scheduler.Config // the Scheduler that is the model's own
	clips          bool              // clip_sample of its file

	engine *engine.Engine // nil if the parts are the caller's
	calls  *model.Gate
}

// run is one call: what it was asked for and what it has made so far.
type run struct {
	*Pipeline
	Options
	task     task
	result   Result
	begin    time.Time
	schedule *scheduler.Schedule
	keep     *outside // what inpainting puts back after each step, or nil
	sampler  sampler.Sampler
	net      *unet.UNet    // the pipeline's, with token merging
	keeper   *keeper       // nil without reuse
	noise    []*stream     // of each image
	cond     *tensor.Dense // [1 77 D], the prompt
	both     *tensor.Dense // [2 77 D], the negative prompt first; nil without guidance
	h, w     int           // size of the latents

	encodeTile, decodeTile int // sides in pixels, or 0: whole

	claim  *engine.Claim // of the memory; nil before claimMemory
	record int64         // bytes that what a Step saves may take

	goroutine  string            // that the call was made on, and its functions run on
	leave      func()            // the pipeline's calls
	endWrapped func()            // ends the Denoiser that Wrap got; may be nil
	noted      map[string]string // for a run that may be saved
}

// TextToImage makes pictures of the prompt. In it and in the negative prompt the
// token of a textual inversion stands for all its vectors, see
// clip.Tokenizer.Expand. Prompts are cut to 77 tokens; the result says what was cut.
// Options may be nil. When ctx is done it returns ctx's error within 100 ms, and
// leaves no goroutine behind.
func (p *Pipeline) TextToImage(ctx context.Context, prompt string, o *Options) (*Result, error) {
	r, err := p.newRun(ctx, textToImage, o)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := p.checkPlain(); err != nil {
		return nil, err
	}
	if err := r.prepare(p.defaultSize()); err != nil {
		return nil, err
	}
	if err := r.claimMemory(ctx); err != nil {
		return nil, err
	}
	if err := r.encodeText(ctx, prompt); err != nil {
		return nil, err
	}
	x, err := r.initialNoise(ctx)
	if err != nil {
		return nil, err
	}
	scale := float32(r.schedule.InitNoiseSigma)
	for i := range x {
		x[i] *= scale
	}
	denoise, err := r.denoiser(nil)
	if err != nil {
		return nil, err
	}
	if err := r.sample(ctx, x, denoise); err != nil {
		return nil, err
	}
	return r.finish(ctx, x)
}

// ImageToImage makes pictures of the prompt that keep the layout of an image: it
// adds noise to the image's latents, as much as Options.Strength says, and takes
// it away again (Meng et al. 2022). The image is resized to the size of the picture
// with Lanczos' filter, and its transparency is ignored. It is read during the call, on
// its goroutine, row by row, and must not change; one that panics or has fewer pixels
// than its bounds say gives an error. DecodeImage reads one from a file. See
// TextToImage.
//
// https://arxiv.org/abs/2108.01073
func (p *Pipeline) ImageToImage(ctx context.Context, prompt string, img image.Image, o *Options) (*Result, error) {
	r, err := p.newRun(ctx, imageToImage, o)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := p.checkPlain(); err != nil {
		return nil, err
	}
	original, err := newSource("image", img)
	if err != nil {
		return nil, err
	}
	if err := r.prepareImage(original, 0.8); err != nil {
		return nil, err
	}
	if err := r.claimMemory(ctx, original); err != nil {
		return nil, err
	}
	if err := r.encodeText(ctx, prompt); err != nil {
		return nil, err
	}
	_, pixels, err := r.readImage(ctx, original)
	if err != nil {
		return nil, err
	}
	posterior, err := r.encodeImage(ctx, pixels)
	if err != nil {
		return nil, err
	}
	clean, err := r.sampleLatents(ctx, posterior)
	if err != nil {
		return nil, err
	}
	noise, err := r.initialNoise(ctx)
	if err != nil {
		return nil, err
	}
	x := addNoise(clean, noise, r.schedule.Sigmas[0])
	denoise, err := r.denoiser(nil)
	if err != nil {
		return nil, err
	}
	if err := r.sample(ctx, x, denoise); err != nil {
		return nil, err
	}
	return r.finish(ctx, x)
}

// checkPlain wants a U-Net that sees latents and nothing beside them.
func (p *Pipeline) checkPlain() error {
	if have, want := p.UNet.Config.InChannels, p.VAE.Config.LatentChannels; have != want {
		return fmt.Errorf("diffusion: the U-Net has %d input channels, want %d: this model is for inpainting", have, want)
	}
	return nil
}

// newRun begins a call: it checks the options and chooses the noise levels. Close it.
func (p *Pipeline) newRun(ctx context.Context, t task, o *Options) (_ *run, err error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	if ctx == nil {
		return nil, errors.New("diffusion: have a nil context")
	}
	goroutine := engine.Goroutine()
	leave, err := p.calls.Enter(goroutine)
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	r := &run{Pipeline: p, task: t, begin: time.Now(), leave: leave, goroutine: goroutine}
	chosen := false // else there was an error, or a panic of NewNoise
	defer func() {
		if !chosen {
			leave()
		}
	}()
	if err := r.choose(o); err != nil {
		return nil, err
	}
	chosen = true
	return r, nil
}

// choose checks the options and chooses the noise levels.
func (r *run) choose(o *Options) (err error) {
	config := *r.Scheduler
	if r.task == inpaint {
		config.SkipPRKSteps = true // as diffusers does in this pipeline
		if r.Scheduler == r.modelScheduler {
			config.ClipSample = r.clips
		}
	}
	if r.Options, err = o.withDefaults(); err != nil {
		return wrong(err)
	}
	if err := r.checkTask(r.task); err != nil {
		return wrong(err)
	}
	if r.Sampler, err = pointedTo(r.Sampler); err != nil {
		return wrong(err)
	}
	if r.schedule, err = r.levels(&config, &r.Options, r.task); err != nil {
		return wrong(err)
	}
	for i := range r.Images {
		seed := r.Seed + uint64(i)
		r.result.Seeds = append(r.result.Seeds, seed)
		stream, err := newStream(seed, r.NewNoise)
		if err != nil {
			return err
		}
		r.noise = append(r.noise, stream)
	}
	return nil
}

// defaultSize is the size of the pictures that the model was trained on.
func (p *Pipeline) defaultSize() (width, height int) {
	height, width = p.UNet.Config.Cells()
	factor := p.VAE.Config.Factor()
	return factor * width, factor * height
}

// prepare settles the size of the pictures and wants the memory for them.
func (r *run) prepare(width, height int) error {
	factor := r.VAE.Config.Factor()
	if err := r.size(width, height, factor); err != nil {
		return wrong(err)
	}
	if err := r.checkModelOptions(); err != nil {
		return wrong(err)
	}
	r.h, r.w = r.Height/factor, r.Width/factor
	var err error
	if r.sampler, err = solver(&r.Options, r.schedule); err != nil {
		return wrong(err)
	}
	if err := r.checkDistilled(); err != nil {
		return wrong(err)
	}
	if err := r.prepareUNet(); err != nil {
		return fmt.Errorf("diffusion: %w", err)
	}
	r.decodeTile, err = r.tile(r.h, r.w, r.VAE.CheckDecode, r.VAE.CheckDecodeTiles, r.VAE.FitDecode)
	return err
}

// tile chooses between the whole and tiles, for an input of the VAE of h×w, and
// wants the memory for it.
func (r *run) tile(h, w int, whole func(h, w int) error, tiles func(h, w, tile int) error, fit func(h, w int) (int, error)) (tile int, err error) {
	switch r.Tile {
	case WholePicture:
		err = whole(h, w)
	case 0:
		tile, err = fit(h, w)
	default:
		tile, err = r.Tile, tiles(h, w, r.Tile)
	}
	if err != nil {
		return 0, fmt.Errorf("diffusion: %w", err)
	}
	return tile, nil
}

// prepareUNet wants the memory for the U-Net as the options change it.
func (r *run) prepareUNet() error {
	var err error
	if r.net, err = r.UNet.WithTokenMerging(r.TokenMerging); err != nil {
		return wrong(err)
	}
	if !r.Reuse.on() {
		return r.net.Check(r.texts(), r.h, r.w, r.Tokenizer.MaxLength)
	}
	r.keeper, err = r.newKeeper(r.texts())
	return err
}

// texts is how many texts the U-Net reads side by side.
func (r *run) texts() int {
	if r.guided() {
		return 2
	}
	return 1
}

// close gives back what the run holds beside the model, once nobody uses it.
func (r *run) close() {
	if r.endWrapped != nil {
		r.endWrapped()
	}
	if r.keeper != nil {
		r.keeper.close()
	}
	if r.claim != nil {
		r.claim.Close()
	}
	r.leave()
}

// prepareImage does the same for a picture made from an image, and takes the
// part of the schedule that the strength leaves.
func (r *run) prepareImage(img *source, strength float64) error {
	if !r.VAE.HasEncoder() {
		return fmt.Errorf("diffusion: %w", ErrNoEncoder)
	}
	if r.Strength == 0 {
		r.Strength = strength
	}
	var err error
	if r.schedule, err = r.schedule.Tail(r.Strength); err != nil {
		return fmt.Errorf("diffusion: %w", wrong(err))
	}
	if err := r.prepare(img.width, img.height); err != nil {
		return err
	}
	r.encodeTile, err = r.tile(r.Height, r.Width, r.VAE.CheckEncode, r.VAE.CheckEncodeTiles, r.VAE.FitEncode)
	return err
}

// encodeText fills cond and both. As in diffusers, clip skip is for the prompt
// alone: the negative prompt goes through all layers.
func (r *run) encodeText(ctx context.Context, prompt string) error {
	begin := time.Now()
	positive, err := r.tokens(ctx, "prompt", prompt)
	if err != nil {
		return err
	}
	r.result.Truncated = positive.TruncatedText
	r.note("prompt", []byte(fmt.Sprint(positive.IDs)))
	cond, err := r.encode(ctx, positive, r.ClipSkip)
	if err != nil {
		return err
	}
	tokens, width := len(positive.IDs), r.TextEncoder.Config.HiddenSize
	r.cond = engine.Tensor(cond, 1, tokens, width)
	if r.guided() {
		negative, err := r.tokens(ctx, "negative prompt", r.NegativePrompt)
		if err != nil {
			return err
		}
		r.result.TruncatedNegative = negative.TruncatedText
		r.note("negative prompt", []byte(fmt.Sprint(negative.IDs)))
		uncond, err := r.encode(ctx, negative, 0)
		if err != nil {
			return err
		}
		r.both = engine.Tensor(append(uncond, cond...), 2, tokens, width)
	}
	r.result.Timings.TextEncoder = time.Since(begin)
	return nil
}

// tokens returns the ids of a prompt, in which the tokens of textual inversions stand
// for all their vectors. What names the prompt.
func (r *run) tokens(ctx context.Context, what, prompt string) (e clip.Encoding, err error) {
	if prompt, err = r.Tokenizer.Expand(ctx, prompt); err == nil {
		e, err = r.Tokenizer.EncodeContext(ctx, prompt)
	}
	if err != nil {
		if ctx.Err() != nil {
			return e, ctx.Err()
		}
		return e, fmt.Errorf("diffusion: %s: %w", what, err)
	}
	for _, id := range e.IDs {
		if size := r.TextEncoder.Config.VocabSize; id >= size {
			token, _ := r.Tokenizer.Token(id)
			return e, fmt.Errorf("diffusion: %s: have token %.80q with id %d, which the text encoder does not know: it has embeddings of %d tokens (vocab_size)", what, token, id, size)
		}
	}
	return e, nil
}

// encode returns the embedding [77 D] of one text.
func (r *run) encode(ctx context.Context, text clip.Encoding, skip int) ([]float32, error) {
	var e *clip.Embeddings
	var err error
	if r.TextEncoder.Config.UseAttentionMask {
		e, err = r.TextEncoder.EncodeMasked(r.in(ctx), [][]int{text.IDs}, [][]int{text.Mask}, skip)
	} else {
		e, err = r.TextEncoder.Encode(r.in(ctx), [][]int{text.IDs}, skip)
	}
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	x := e.Tokens.Float32s()
	if err := checkFinite("text encoder", x); err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	return x, nil
}

// readImage returns the image in the size of the picture, as pixels and as a
// tensor [1 3 H W].
func (r *run) readImage(ctx context.Context, img *source) (pixels, []float32, error) {
	p, err := resize(ctx, img.rgb(ctx), r.Width, r.Height).collect()
	if err != nil {
		return pixels{}, nil, err
	}
	r.note("image", p.pix)
	x, err := p.tensor(ctx)
	return p, x, err
}

// encodeImage maps an image [1 3 H W] to the distribution of its latents.
func (r *run) encodeImage(ctx context.Context, x []float32) (*vae.Posterior, error) {
	begin := time.Now()
	pixels := engine.Tensor(x, 1, 3, r.Height, r.Width)
	encode := r.VAE.Encode
	if r.encodeTile > 0 {
		encode = func(ctx context.Context, x *tensor.Dense) (*vae.Posterior, error) {
			return r.VAE.EncodeTiles(ctx, x, r.encodeTile)
		}
	}
	posterior, err := encode(r.in(ctx), pixels)
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	if err := checkFinite("vae encoder", posterior.Mean.Float32s()); err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	r.result.Timings.VAEEncoder += time.Since(begin)
	return posterior, nil
}

// sampleLatents draws latents [Images 4 h w] for one image, each from the stream
// of its own seed.
func (r *run) sampleLatents(ctx context.Context, p *vae.Posterior) ([]float32, error) {
	size := p.Mean.DataSize()
	out := make([]float32, 0, r.Images*size)
	noise := make([]float32, size)
	for _, stream := range r.noise {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		stream.draw(noise)
		z, err := p.Sample(noise)
		if err != nil {
			return nil, fmt.Errorf("diffusion: %w", err)
		}
		out = append(out, z.Float32s()...)
	}
	return out, nil
}

// initialNoise returns the noise [Images 4 h w] that a run starts from: the
// caller's, or else drawn.
func (r *run) initialNoise(ctx context.Context) ([]float32, error) {
	x := make([]float32, r.Images*r.VAE.Config.LatentChannels*r.h*r.w)
	if r.Latents == nil {
		r.drawNoise(ctx, x)
		return x, ctx.Err()
	}
	want := tensor.Shape{r.Images, r.VAE.Config.LatentChannels, r.h, r.w}
	given, err := nn.Floats("", r.Latents, want...)
	if err != nil {
		kind := "nothing" // of a zero tensor
		if t := r.Latents.Dtype(); t.Type != nil {
			kind = t.Name()
		}
		return nil, fmt.Errorf("diffusion: latents: have %v of %s, want contiguous %v of float32", []int(r.Latents.Shape()), kind, []int(want))
	}
	copy(x, given)
	if err := checkFinite("initial latents", x); err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	return x, nil
}

// drawNoise fills x [Images ...] with normal noise, each image from its stream, until
// ctx is done.
func (r *run) drawNoise(ctx context.Context, x []float32) {
	size := len(x) / r.Images
	for i, stream := range r.noise {
		if ctx.Err() != nil {
			return
		}
		stream.draw(x[i*size : (i+1)*size])
	}
}

// addNoise returns x₀ + σ·ε.
func addNoise(clean, noise []float32, sigma float64) []float32 {
	x := make([]float32, len(clean))
	for i, c := range clean {
		x[i] = c + float32(float32(sigma)*noise[i])
	}
	return x
}

// sample runs x [Images 4 h w] from the first noise level to the last.
func (r *run) sample(ctx context.Context, x []float32, denoise sampler.Denoiser) error {
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
		}
	}
	r.result.Reused = r.keeper.reused()
	r.result.Timings.Sampling = time.Since(begin)
	return nil
}

// finish turns the x that sampling ended with into latents and pictures.
func (r *run) finish(ctx context.Context, x []float32) (*Result, error) {
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
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	defer decoded.Free()
	for i := range r.Images { // one by one: an image takes less memory in 8 bits
		latents := engine.Tensor(x[i*size:(i+1)*size], 1, channels, r.h, r.w)
		if err := r.VAE.DecodeInto(r.in(ctx), latents, decoded.Data, r.decodeTile); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("diffusion: %w", err)
		}
		if err := checkFinite("vae decoder", decoded.Data); err != nil {
			return nil, fmt.Errorf("diffusion: %w", err)
		}
		images, err := tensorToImages(ctx, decoded.Data, 1, r.Height, r.Width)
		if err != nil {
			return nil, err
		}
		r.result.Images = append(r.result.Images, images...)
	}
	r.result.Latents = engine.Tensor(x, r.Images, channels, r.h, r.w)
	r.result.Timings.VAEDecoder = time.Since(begin)
	r.result.Timings.Total = time.Since(r.begin)
	return &r.result, nil
}
