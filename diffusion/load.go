package diffusion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sdgo/clip"
	"sdgo/internal/engine"
	"sdgo/internal/loader"
	"sdgo/internal/model"
	"sdgo/internal/weights"
	"sdgo/scheduler"
	"sdgo/unet"
	"sdgo/vae"
)

// LoadOptions say how a model is loaded and run. Nil, and the zero value, mean
// the defaults.
type LoadOptions struct {
	// Variant names the weight files, as in model.fp16.safetensors for "fp16". A part
	// that has no such files has its plain ones; it is an error if no part has any.
	// Empty means the files without a variant.
	Variant string

	// Precision is how weights are kept and computed with: Float32, Float16, BFloat16
	// or Int8. Empty means Float32 as far as MaxMemory allows: beyond it the largest
	// layers are kept in half precision, and if that is not enough the largest linear
	// layers as integers.
	Precision string

	// Threads is the number of goroutines that compute. Zero means GOMAXPROCS.
	// It does not change the result.
	Threads int

	// MaxMemory limits the bytes that all calls together take: weights, intermediate
	// values, the pictures that are read and made, and what is kept from step to step.
	// Zero means the memory of the machine or, in a container, what its limit (cgroup
	// v1 or v2) leaves beside 128 MB. The process takes up to 128 MB more: Go's runtime
	// and the garbage that was not collected yet, plans, loading, a megabyte for each
	// thread that computes, and 16 MB of what calls keep in small pieces, which are not
	// counted. The caller's own pictures, and results once a call has returned, come on
	// top.
	//
	// A call that needs more than the limit even alone returns an error, which says how
	// much, before it allocates anything. Others wait until there is room. Calls begin
	// by order of arrival: the first that waits keeps what becomes free, and no later
	// one passes it, so that a large call gets its turn beside any number of small ones.
	// Then the models run in turn, by order of arrival, too; a call keeps what it holds
	// between its steps, but takes the memory for intermediate values only while a model
	// runs. A call that waits can be cancelled. Only what is made in a function of another
	// call's, such as VAE.Decode or a whole call in OnStep, may pass those that wait for
	// others to end, as it may be the one that these wait for. If it needs more than the
	// limit leaves beside the calls that it is made in, and no other call is left that
	// could end, it returns an error. That it is made in one is known on that call's
	// goroutine; on another it may wait until ctx is done.
	//
	// Weights that would not fit are kept in fewer bits, see Precision, and where there
	// is no room for the VAE to work on a picture as a whole it works by tiles, see
	// Options.Tile. These choices depend on shapes and the limit alone.
	MaxMemory int64
}

// The precisions of a model. In each a picture's bytes are the same for any number of
// threads and any batch, and with every instruction set. (The instruction for bfloat16
// was seen on an AMD processor to be what the plain code does; another maker's has the
// same description, and was not tried.)
const (
	// Float32 keeps weights and arithmetic in single precision.
	Float32 = "float32"
	// Float16 rounds the weights of linear layers and convolutions to half
	// precision, which loses nothing of a checkpoint that is stored so. They take
	// half the memory; the arithmetic is float32.
	Float16 = "float16"
	// BFloat16 also rounds the factors of linear layers and of attention to
	// bfloat16; sums and all else stay float32, and convolutions are as with
	// Float16. It is faster on processors with AVX-512 BF16, and slower than Float32
	// on others.
	BFloat16 = "bfloat16"
	// Int8 is BFloat16 with the U-Net's linear layers in integers of 8 bits: the
	// activations have a scale for each row, the weights one for each output. It
	// takes the least memory and is the least exact.
	Int8 = "int8"
)

// Load loads the model in a folder in diffusers' layout: model_index.json and
// the folders tokenizer, text_encoder, unet, vae and scheduler. Weights are in
// safetensors. Options may be nil. Any pipeline with these parts is read, whatever class
// it was saved as; the error for another says what it is. What the files say that is not
// known is in [Pipeline].Warnings.
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
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("diffusion: load: %w", err)
	}
	if !info.IsDir() {
		err := fmt.Errorf("diffusion: load %s: have a file, want a folder in diffusers' layout", path)
		if singleFile(path) {
			err = fmt.Errorf("%w: %s", err, convert)
		}
		return nil, err
	}
	p, err := LoadFSContext(ctx, os.DirFS(path), o)
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	return p, nil
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
func LoadFSContext(ctx context.Context, fsys fs.FS, o *LoadOptions) (_ *Pipeline, err error) {
	if o == nil {
		o = &LoadOptions{}
	}
	if fsys == nil {
		return nil, errors.New("diffusion: load: have no file system to load from")
	}
	if ctx == nil {
		return nil, errors.New("diffusion: load: have a nil context")
	}
	if _, err := weights.ParsePrecision(o.Precision); err != nil {
		return nil, wrong(fmt.Errorf("diffusion: load: %w", err))
	}
	eng, err := engine.New(&engine.Options{Threads: o.Threads, MaxMemory: o.MaxMemory})
	if err != nil {
		return nil, wrong(fmt.Errorf("diffusion: load: %w", err))
	}
	index, err := readIndex(ctx, fsys)
	if err != nil {
		if what := describeFolder(ctx, fsys); what != "" && errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("have %s, want that of a pipeline: %w", what, err)
		}
		return nil, fmt.Errorf("diffusion: load: %w", err)
	}

	p := &Pipeline{engine: eng, calls: new(model.Gate)}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	session := model.NewSession(eng)
	session.Hold()
	if err = p.loadParts(ctx, fsys, index, o, session); err != nil {
		return nil, fmt.Errorf("diffusion: load: %w", err)
	}
	if err = p.check(); err != nil {
		return nil, err
	}
	most, least, err := p.values()
	if err != nil {
		return nil, fmt.Errorf("diffusion: load: %w", err)
	}
	if err = session.Load(ctx, most, least); err != nil {
		return nil, fmt.Errorf("diffusion: load: %w", err)
	}
	return p, nil
}

// loadParts loads what the index names; the session holds the weights back.
func (p *Pipeline) loadParts(ctx context.Context, fsys fs.FS, x *index, o *LoadOptions, session *model.Session) error {
	schedule, err := loadScheduler(ctx, fsys, x)
	if err != nil {
		return err
	}
	if p.Tokenizer, err = clip.LoadTokenizerContext(ctx, fsys, "tokenizer"); err != nil {
		return err
	}
	variants, err := chooseVariants(fsys, o.Variant)
	if err != nil {
		return err
	}
	options := func(part string) clip.LoadOptions {
		return clip.LoadOptions{Variant: variants[part], Precision: o.Precision, Session: session}
	}
	text, net, autoencoder := options("text_encoder"), unet.LoadOptions(options("unet")), vae.LoadOptions(options("vae"))
	if p.TextEncoder, err = clip.LoadTextEncoderFSContext(ctx, fsys, "text_encoder", &text); err != nil {
		return err
	}
	if p.UNet, err = unet.LoadFSContext(ctx, fsys, "unet", &net); err != nil {
		return err
	}
	if p.VAE, err = vae.LoadFSContext(ctx, fsys, "vae", &autoencoder); err != nil {
		return err
	}
	p.setScheduler(schedule)
	p.Warnings = x.warnings
	p.warn("scheduler/scheduler_config.json: ", schedule.Warnings)
	p.warn("text_encoder/", p.TextEncoder.Config.Warnings)
	p.warn("unet/", p.UNet.Config.Warnings)
	p.warn("vae/", p.VAE.Config.Warnings)
	return nil
}

// loadScheduler reads the scheduler's config, whose class the index names.
func loadScheduler(ctx context.Context, fsys fs.FS, x *index) (*scheduler.Config, error) {
	const file = "scheduler/scheduler_config.json"
	var config json.RawMessage
	if err := loader.ReadJSON(ctx, fsys, file, &config); err != nil {
		return nil, err
	}
	class := x.parts["scheduler"]
	c, err := scheduler.ParseClass(class, config)
	if err != nil && class != "" {
		return nil, fmt.Errorf("%s, as the %s that model_index.json names: %w", file, class, err)
	}
	return c, err
}

// warn keeps the warnings of a file or folder, of which there are few: the readers of
// the files see to that.
func (p *Pipeline) warn(prefix string, warnings []string) {
	for _, w := range warnings {
		p.Warnings = append(p.Warnings, prefix+w)
	}
}

// values returns the bytes of intermediate values for a picture of the default size,
// decoded whole, and the least with which it can be made.
func (p *Pipeline) values() (most, least int64, err error) {
	plan, err := p.Plan(nil)
	if err != nil {
		return 0, 0, err
	}
	for _, part := range plan.Parts {
		most = max(most, part.Values)
	}
	return most, plan.Parts[len(p.textStages())].Values, nil
}

// New makes a pipeline of parts that were loaded one by one. The pipeline does
// not own them: Close leaves them open. It keeps a copy of the scheduler config,
// see [Pipeline].Scheduler.
func New(tokenizer *clip.Tokenizer, text *clip.TextEncoder, u *unet.UNet, v *vae.VAE, s *scheduler.Config) (*Pipeline, error) {
	p := &Pipeline{Tokenizer: tokenizer, TextEncoder: text, UNet: u, VAE: v, Scheduler: s, calls: new(model.Gate)}
	if err := p.ready(); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	p.setScheduler(s)
	return p, nil
}

// ErrClosed is wrapped by the errors of calls that begin after Close.
var ErrClosed = model.ErrClosed

// Close waits for calls in flight and gives the model's memory back. Calls that begin
// later return ErrClosed; those in flight may still be cancelled. Any number of Closes
// may run at once; each returns when the model is closed. In a function of the caller's
// that a call of the pipeline runs, such as OnStep, Close does not wait for that call:
// it returns, and the memory goes back when the last call has ended.
func (p *Pipeline) Close() error {
	if p == nil {
		return nil
	}
	return p.calls.Close(engine.Goroutine(), p.release)
}

// release closes the parts, unless they are the caller's.
func (p *Pipeline) release() error {
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
	if p.VAE != nil {
		errs = append(errs, p.VAE.Close())
	}
	p.engine.Close()
	return errors.Join(errs...)
}
