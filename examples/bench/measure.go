package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"time"

	"gorgonia.org/tensor"

	"sdgo/clip"
	"sdgo/examples/internal/cli"
	"sdgo/internal/cuda"
	"sdgo/internal/engine"
	"sdgo/internal/kernel"
	"sdgo/internal/model"
	"sdgo/internal/op"
	"sdgo/internal/weights"
	"sdgo/unet"
	"sdgo/vae"
)

type options struct {
	model, precision     string
	weights              string // how they are kept
	variant              string
	adapters             cli.Adapters // of a picture
	device               string
	size, steps, threads int
	branch               int // of a step that reuses a feature; 0: none
	merge                float64
	guidance             float64 // 1 turns it off
	cache                string  // of a picture's weights; empty: none
	taesd                bool    // the small autoencoder in place of the model's
	layers               bool    // list the time of each shape of layer
	maxMemory            int64
}

func (o *options) check() error {
	if _, err := weights.ParsePrecision(o.precision); err != nil {
		return fmt.Errorf("-%w", err)
	}
	switch {
	case o.size < 0 || o.size%8 != 0 || o.size > 1<<14:
		return fmt.Errorf("-size: have %d, want a multiple of 8 to %d", o.size, 1<<14)
	case o.steps < 1 || o.steps > 1000:
		return fmt.Errorf("-steps: have %d, want 1 to 1000", o.steps)
	case !(o.guidance >= 0 && o.guidance <= 1000):
		return fmt.Errorf("-guidance: have %v, want 0 to 1000", o.guidance)
	case o.threads < 0 || o.threads > 1024:
		return fmt.Errorf("-threads: have %d, want 0 to 1024", o.threads)
	}
	return nil
}

// report is what was measured.
type report struct {
	Model     string  `json:"model"`
	Precision string  `json:"precision"`
	ISA       string  `json:"isa"`
	Threads   int     `json:"threads"`
	Peak      float64 `json:"peak_gflops"`      // of the float32 matrix kernel on operands in cache, all threads
	Sustained float64 `json:"sustained_gflops"` // of all processors over a second
	Products  float64 `json:"products_gflops"`  // the same of the matrix kernel of Precision
	Reply     float64 `json:"reply_s"`          // until a thread sees another's answer; 0 with one processor
	Parts     []part  `json:"parts"`
	Memory    int64   `json:"peak_memory_bytes"` // of the process; 0 if not known
}

// part is one of the models.
type part struct {
	Name   string  `json:"name"`
	Load   float64 `json:"load_s"`
	Median float64 `json:"median_s"`
	Min    float64 `json:"min_s"`
	Runs   int     `json:"runs"`
	Kinds  []kind  `json:"kinds"`
	Layers []kind  `json:"layers,omitempty"` // by shape
}

// kind is the share of one kind of operation in a part, or of one shape of layer, per run.
type kind struct {
	Name    string  `json:"name"`
	Count   int     `json:"count"` // of operations
	Seconds float64 `json:"s"`
	GFLOP   float64 `json:"gflop"`
}

// loader loads one part and returns its name, what runs it once, and what closes
// it.
type loader func(ctx context.Context, fsys fs.FS, l *clip.LoadOptions, o *options) (name string, run func(context.Context) error, end io.Closer, err error)

// measure loads the parts one after the other and runs each.
func measure(ctx context.Context, o options) (*report, error) {
	fsys, err := o.open()
	if err != nil {
		return nil, err
	}
	format, err := weights.ParsePrecision(o.precision)
	if err != nil {
		return nil, err
	}
	threads := cmp.Or(o.threads, runtime.GOMAXPROCS(0))
	r := &report{
		Model: o.model, Precision: o.precision, ISA: kernel.ISA(), Threads: threads,
		Peak: peak(threads), Sustained: sustained(kernel.Float32), Products: sustained(format), Reply: reply(),
	}
	loaders := []loader{loadText("text_encoder", "text encoder"), loadUNet}
	if _, err := fs.Stat(fsys, "text_encoder_2"); err == nil {
		loaders = slices.Insert(loaders, 1, loadText("text_encoder_2", "text encoder 2"))
	}
	if o.branch != 0 {
		loaders = append(loaders, loadShallow)
	}
	loaders = append(loaders, loadVAE)
	for _, load := range loaders {
		p, err := measurePart(ctx, fsys, &o, load)
		if err != nil {
			return nil, err
		}
		r.Parts = append(r.Parts, p)
	}
	r.Memory = peakMemory()
	return r, nil
}

func measurePart(ctx context.Context, fsys fs.FS, o *options, load loader) (part, error) {
	kinds, layers := tally{kinds: map[string]*kind{}}, tally{kinds: map[string]*kind{}}
	dev, err := cuda.OpenNamed(o.device)
	if err != nil {
		return part{}, err
	}
	eng, err := engine.New(&engine.Options{Threads: o.threads, Device: dev, Trace: func(done op.Operation, d time.Duration) {
		c := done.Cost()
		kinds.add(c.Kind, d.Seconds(), c.FLOPs)
		if o.layers {
			layers.add(done.String(), d.Seconds(), c.FLOPs)
		}
	}})
	if err != nil {
		return part{}, err
	}
	defer eng.Close()
	begin := time.Now()
	name, run, end, err := load(model.NewSession(eng).In(ctx), fsys, &clip.LoadOptions{Precision: o.precision, Weights: o.weights}, o)
	if err != nil {
		return part{}, err
	}
	defer end.Close()
	p := part{Name: name, Load: time.Since(begin).Seconds(), Runs: o.steps}
	if err := run(ctx); err != nil { // warm up
		return p, err
	}
	clear(kinds.kinds)
	clear(layers.kinds)
	var times []float64
	for range o.steps {
		begin := time.Now()
		if err := run(ctx); err != nil {
			return p, err
		}
		times = append(times, time.Since(begin).Seconds())
	}
	slices.Sort(times)
	p.Min, p.Median = times[0], times[len(times)/2]
	p.Kinds, p.Layers = kinds.list(o.steps), layers.list(o.steps)
	return p, nil
}

// loadText loads the text encoder in a folder.
func loadText(dir, name string) loader {
	return func(ctx context.Context, fsys fs.FS, l *clip.LoadOptions, o *options) (string, func(context.Context) error, io.Closer, error) {
		l.Variant = o.variantOf(fsys, dir, "model")
		e, err := clip.LoadTextEncoderFSContext(ctx, fsys, dir, l)
		if err != nil {
			return "", nil, nil, err
		}
		ids := [][]int{make([]int, e.Config.MaxPositions), make([]int, e.Config.MaxPositions)}
		return name + ", two prompts", func(ctx context.Context) error {
			_, err := e.Encode(ctx, ids, 0)
			return err
		}, e, nil
	}
}

// openUNet loads the U-Net and makes the input of a guided step.
func openUNet(ctx context.Context, fsys fs.FS, l *clip.LoadOptions, o *options) (u *unet.UNet, in unet.Input, name string, err error) {
	l.Variant = o.variantOf(fsys, "unet", "diffusion_pytorch_model")
	loaded, err := unet.LoadFSContext(ctx, fsys, "unet", (*unet.LoadOptions)(l))
	if err != nil {
		return nil, in, "", err
	}
	if u, err = loaded.WithTokenMerging(unet.TokenMerging{Ratio: o.merge}); err != nil {
		loaded.Close()
		return nil, in, "", cli.Misuse(fmt.Errorf("-merge: %w", err))
	}
	if most := u.Branches() - 1; o.branch < 0 || o.branch > most {
		u.Close()
		return nil, in, "", cli.Misuse(fmt.Errorf("-branch: have skip branch %d, want 1 to %d", o.branch, most))
	}
	if o.size == 0 {
		cells, _ := u.Config.Cells()
		o.size = 8 * cells
	}
	side := o.size / 8
	n, step := o.samples(u)
	in = unet.Input{
		Latents: noise(n, u.Config.InChannels, side, side), Timesteps: []float64{500},
		Cond: conditions(u, n),
	}
	name = fmt.Sprintf("%s, %d×%d latents", step, side, side)
	if o.merge > 0 {
		name += fmt.Sprintf(", %g of the tokens merged", o.merge)
	}
	return u, in, name, nil
}

func loadUNet(ctx context.Context, fsys fs.FS, l *clip.LoadOptions, o *options) (string, func(context.Context) error, io.Closer, error) {
	u, in, name, err := openUNet(ctx, fsys, l, o)
	if err != nil {
		return "", nil, nil, err
	}
	return name, func(ctx context.Context) error {
		_, err := u.Predict(ctx, in)
		return err
	}, u, nil
}

// loadShallow is a step that reuses the deep feature of an earlier one.
func loadShallow(ctx context.Context, fsys fs.FS, l *clip.LoadOptions, o *options) (string, func(context.Context) error, io.Closer, error) {
	u, in, name, err := openUNet(ctx, fsys, l, o)
	if err != nil {
		return "", nil, nil, err
	}
	s, err := u.Split(o.branch, in.Latents.Shape()[0], o.size/8, o.size/8, 77)
	if err != nil {
		u.Close()
		return "", nil, nil, err
	}
	feature := make([]float32, tensor.Shape(s.FeatureShape()).TotalSize())
	return fmt.Sprintf("%s, deep part reused at branch %d", name, o.branch), func(ctx context.Context) error {
		if err := s.Head(ctx, in); err != nil {
			return err
		}
		_, err := s.Tail(ctx, feature)
		return err
	}, closers{s, u}, nil
}

// closers are closed in turn.
type closers struct {
	split *unet.Split
	unet  *unet.UNet
}

func (c closers) Close() error {
	c.split.Close()
	return c.unet.Close()
}

func loadVAE(ctx context.Context, fsys fs.FS, l *clip.LoadOptions, o *options) (string, func(context.Context) error, io.Closer, error) {
	l.Variant = o.variantOf(fsys, "vae", "diffusion_pytorch_model")
	v, err := vae.LoadFSContext(ctx, fsys, "vae", (*vae.LoadOptions)(l))
	if err != nil {
		return "", nil, nil, err
	}
	latents := noise(1, v.Config.LatentChannels, o.size/8, o.size/8)
	return fmt.Sprintf("VAE decode to %d×%d", o.size, o.size), func(ctx context.Context) error {
		_, err := v.Decode(ctx, latents)
		return err
	}, v, nil
}
