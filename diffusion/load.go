package diffusion

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"sdgo/clip"
	"sdgo/internal/device"
	"sdgo/internal/engine"
	"sdgo/internal/model"
	"sdgo/internal/weights"
	"sdgo/scheduler"
	"sdgo/unet"
	"sdgo/vae"
)

// Load loads the model in a folder, or in one file, see below. A folder is in diffusers'
// layout: model_index.json and the folders tokenizer, text_encoder, unet, vae and
// scheduler, and of Stable Diffusion XL tokenizer_2 and text_encoder_2, which its
// refiner has alone. Weights are in
// safetensors, or where a part has none in .bin files of PyTorch, of which nothing is
// executed. Options may be nil. Any pipeline with these parts is read, whatever class
// it was saved as; the error for another says what it is. What the files say that is not
// known is in [Pipeline].Warnings. A folder of a model that reads no text has unet (a
// UNet2DModel), scheduler and, unless it works on pixels, vqvae, see [Pipeline.Unconditional].
//
// One file, in safetensors, of PyTorch (.ckpt, .pt, .pth) or in GGUF (.gguf, with float32,
// F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1 and Q2_K to Q6_K), holds Stable Diffusion 1, 2 or
// XL in the layout of the original code: model.diffusion_model.*, first_stage_model.* and
// cond_stage_model.* or, of XL, conditioner.embedders.*. Tools put other words before the
// names (state_dict, module, unet, vae, te, clip_l and such), or use those of diffusers; they
// are read as well. A file that has not all parts, or the folder of a U-Net alone, is
// completed by LoadOptions.UNet, VAE, TextEncoder and TextEncoder2. What the model is, and the structure of its parts, are told
// from the names and shapes of its tensors; see also LoadOptions.Tokenizer and Prediction.
// What these do not tell, such as the number of heads of a model that is narrower than the
// published ones, stands in a file beside it, model.json for model.safetensors: an object
// of "unet", "vae", "text_encoder", "text_encoder_2" and "scheduler", each with keys of
// diffusers' configuration. Without them it has what the published models of its family
// have, the scheduler too.
//
// The error for a model that is refused has a [*LoadError] in it, with what [Inspect] says
// of its files.
//
// Weight files are mapped while they are loaded, and copied: when Load returns no file
// is open or mapped, and what happens to the files later has no effect. A weight file
// that another program cuts or writes to meanwhile is an error.
func Load(path string, o *LoadOptions) (*Pipeline, error) {
	return LoadContext(context.Background(), path, o)
}

// LoadContext is [Load] that returns ctx's error within 100 ms after ctx is done,
// unless a single read of a file takes longer. It leaves no goroutine, file or mapping
// behind.
func LoadContext(ctx context.Context, path string, o *LoadOptions) (*Pipeline, error) {
	from, err := originOf(path)
	if err != nil {
		return nil, fmt.Errorf("diffusion: load: %w", err)
	}
	p, err := loadFrom(ctx, from, o)
	if err != nil && from.file == "" {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	return p, err
}

// LoadFS is like [Load] for a file system whose root is the model's folder. Weight files
// that are not the operating system's, such as those of [embed.FS] or a zip.Reader, cannot
// be mapped: they are read into memory, all at once, until the model is loaded, and come
// on top of LoadOptions.MaxMemory. A panic of the file system is an error.
func LoadFS(fsys fs.FS, o *LoadOptions) (*Pipeline, error) {
	return LoadFSContext(context.Background(), fsys, o)
}

// LoadFSContext is like [LoadContext] for a file system whose root is the model's
// folder.
func LoadFSContext(ctx context.Context, fsys fs.FS, o *LoadOptions) (*Pipeline, error) {
	if fsys == nil {
		return nil, errors.New("diffusion: load: have no file system to load from")
	}
	return loadFrom(ctx, origin{fsys: fsys}, o)
}

// loadFrom loads the model that is there.
func loadFrom(ctx context.Context, from origin, o *LoadOptions) (_ *Pipeline, err error) {
	o = cmp.Or(o, &LoadOptions{})
	if ctx == nil {
		return nil, errors.New("diffusion: load: have a nil context")
	}
	if _, err := weights.ParsePrecision(o.Precision); err != nil {
		return nil, wrong("Precision", fmt.Errorf("diffusion: load: %w", err))
	}
	if err := o.checkWeights(); err != nil {
		return nil, err
	}
	if err := o.checkPrediction(); err != nil {
		return nil, err
	}
	limits, err := o.limits()
	if err != nil {
		return nil, err
	}
	dev, err := o.Device.open()
	if err != nil {
		return nil, wrong("Device", err)
	}
	loaded := false // else there was an error, or a panic of Overlay
	defer func() {
		if !loaded && dev != nil {
			dev.Close()
		}
	}()
	eng, err := o.newEngine(dev)
	if err != nil {
		return nil, err
	}

	p := &Pipeline{engine: eng, calls: new(model.Gate), limits: limits, texts: new(textCache)}
	defer func() {
		if !loaded {
			p.Close()
		}
	}()
	if err := p.load(ctx, from, o); err != nil {
		return nil, from.explain(ctx, o, err)
	}
	if err := p.loadSafety(ctx, o); err != nil {
		return nil, err
	}
	loaded = true
	return p, nil
}

// load loads the parts together, so that their weights are fitted to one memory.
func (p *Pipeline) load(ctx context.Context, from origin, o *LoadOptions) error {
	session := model.NewSession(p.engine)
	cache, err := o.openCache()
	if err != nil {
		return err
	}
	files, err := p.hold(ctx, session, from, o)
	if err != nil {
		return err
	}
	defer files.close()
	most, least, err := p.values()
	if err != nil {
		return fmt.Errorf("diffusion: load: %w", err)
	}
	if err := session.Load(cache.In(ctx), most, least); err != nil {
		return fmt.Errorf("diffusion: load: %w", err)
	}
	p.warn("", cache.Warnings())
	if files.probe != nil {
		return p.probePrediction(ctx, files.probe)
	}
	return nil
}

// hold makes the parts of a model in a session that does not load their weights yet, and
// returns the files that they come from.
func (p *Pipeline) hold(ctx context.Context, session *model.Session, from origin, o *LoadOptions) (_ *modelFiles, err error) {
	files, err := from.open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("diffusion: load: %w", err)
	}
	held := false // else there was an error, or a panic of Overlay
	defer func() {
		if !held {
			files.close()
		}
	}()
	session.Hold()
	if err := p.loadParts(session.In(ctx), files, o); err != nil {
		return nil, fmt.Errorf("diffusion: load: %w", err)
	}
	if err := p.checkGiven(o); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	held = true
	return files, nil
}

// newEngine makes the engine that the options ask for, on a device or none.
func (o *LoadOptions) newEngine(dev device.Device) (*engine.Engine, error) {
	eng, err := engine.New(&engine.Options{Threads: o.Threads, MaxMemory: o.MaxMemory, Device: dev, Paper: o.Device.paperCPU()})
	if err != nil {
		option := "Threads"
		if o.MaxMemory < 0 {
			option = "MaxMemory"
		}
		return nil, wrong(option, fmt.Errorf("diffusion: load: %w", err))
	}
	return eng, nil
}

// values returns the bytes of intermediate values for a picture of the default size,
// decoded whole, and the least with which it can be made.
func (p *Pipeline) values() (most, least int64, err error) {
	size, err := p.sizeOf("", nil)
	if err != nil {
		return 0, 0, err
	}
	for _, text := range p.textStages() {
		n, err := text.encoder.Values(size.texts, text.tokenizer.MaxLength, text.skip)
		if err != nil {
			return 0, 0, err
		}
		most = max(most, n)
	}
	for _, b := range size.batches {
		n, err := p.UNet.Values(b.texts, size.h, size.w, b.tokens)
		if err != nil {
			return 0, 0, err
		}
		least = max(least, n)
	}
	if p.Preview != nil {
		n, err := p.Preview.Values(p.toPreview(size.h, size.w))
		if err != nil {
			return 0, 0, err
		}
		most = max(most, n)
	}
	decoded, err := p.VAE.Values(vae.Work{Height: size.height, Width: size.width})
	return max(most, least, decoded), least, err
}

// New makes a pipeline of parts that were loaded one by one. The pipeline does
// not own them: Close leaves them open. It keeps a copy of the scheduler config,
// see [Pipeline].Scheduler.
func New(tokenizer *clip.Tokenizer, text *clip.TextEncoder, u *unet.UNet, v *vae.VAE, s *scheduler.Config) (*Pipeline, error) {
	return assemble(&Pipeline{Tokenizer: tokenizer, TextEncoder: text, UNet: u, VAE: v, Scheduler: s})
}

// assemble makes a pipeline of the caller's parts.
func assemble(p *Pipeline) (*Pipeline, error) {
	p.calls, p.texts = new(model.Gate), new(textCache)
	if err := p.ready(); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	p.setScheduler(p.Scheduler)
	return p, nil
}

// Close waits for calls in flight and gives the model's memory back. Calls that begin
// later return ErrClosed; those in flight may still be cancelled. Any number of Closes
// may run at once; each returns when the model is closed. In a function of the caller's
// that a call of the pipeline runs, such as OnStep, Close does not wait for that call:
// it returns, and the memory goes back when the last call has ended. It closes all parts of
// a model that was loaded, with what the caller has put into Preview and Safety; of a
// pipeline from New or NewXL it closes none.
func (p *Pipeline) Close() error {
	if p == nil {
		return nil
	}
	return p.calls.Close(engine.Goroutine(), p.release)
}

// release closes the parts, unless the pipeline was made of the caller's.
func (p *Pipeline) release() error {
	p.texts.clear()
	if p.engine == nil {
		return nil
	}
	var errs []error
	for _, text := range p.textStages() {
		if text.encoder != nil {
			errs = append(errs, text.encoder.Close())
		}
	}
	if p.UNet != nil {
		errs = append(errs, p.UNet.Close())
	}
	errs = append(errs, p.Safety.Close())
	if p.ImageEncoder != nil {
		errs = append(errs, p.ImageEncoder.Close())
	}
	for _, v := range []*vae.VAE{p.VAE, p.Preview} {
		if v != nil {
			errs = append(errs, v.Close())
		}
	}
	p.engine.Close()
	return errors.Join(errs...)
}
