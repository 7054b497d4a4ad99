package diffusion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"sdgo/clip"
	"sdgo/internal/ipadapter"
	"sdgo/internal/kernel"
	"sdgo/internal/model"
)

// IPAdapter makes prompts of pictures (Ye et al. 2023), as [Pipeline.LoadIPAdapter] loads
// it. It is a value: calls take it in Options.ImagePrompts, and the pipeline's own weights
// stay as they are. It is safe for concurrent use.
//
// https://arxiv.org/abs/2308.06721
type IPAdapter struct {
	// Warnings are what the files have that was left out, one sentence each.
	Warnings []string

	adapter   *ipadapter.Adapter
	encoder   *clip.ImageEncoder
	owned     bool // the encoder was loaded with the adapter
	processor ImageProcessor
	unet      *model.Model // that it was loaded for
}

// IPAdapterOptions say how an IP-Adapter is loaded. Nil, and the zero value, mean the
// defaults.
type IPAdapterOptions struct {
	// ImageEncoder is the path of the image encoder of CLIP that the adapter was trained
	// with, as clip.LoadImageEncoder takes it: a folder or a file. The published adapters
	// read ViT-H/14 (models/image_encoder of the author's), ip-adapter_sdxl alone
	// ViT-bigG/14 (sdxl_models/image_encoder). Empty means the folder image_encoder beside
	// the adapter's file. Of [Pipeline.LoadIPAdapterFS] it is a name in the file system.
	ImageEncoder string

	// Encoder is an image encoder that is loaded already, in place of a path: the caller's, or
	// that of another adapter, [IPAdapter.ImageEncoder]. It must stay open as long as the
	// adapter is used.
	Encoder *clip.ImageEncoder
}

// LoadIPAdapter loads an IP-Adapter for the pipeline's model: a file in safetensors or one
// of PyTorch's, of which nothing is executed, or a folder with one such file. It may be a
// plain one, Plus (with a resampler, also "plus face") or Full ("full face"), for Stable
// Diffusion 1, 2 or XL. What is for another model, or for another image encoder, is an
// error that says what for; adapters of faces (FaceID) are not supported. The adapter and
// the image encoder lie in the pipeline's memory, which LoadOptions.MaxMemory limits, until
// Close. Options may be nil.
func (p *Pipeline) LoadIPAdapter(path string, o *IPAdapterOptions) (*IPAdapter, error) {
	return p.LoadIPAdapterContext(context.Background(), path, o)
}

// LoadIPAdapterContext is [Pipeline.LoadIPAdapter] that returns ctx's error soon after ctx
// is done.
func (p *Pipeline) LoadIPAdapterContext(ctx context.Context, name string, o *IPAdapterOptions) (*IPAdapter, error) {
	name = filepath.Clean(name) // a folder may end in a slash
	from := ipFiles{fsys: os.DirFS(filepath.Dir(name)), name: filepath.Base(name)}
	if from.encoders = from.fsys; o != nil && o.ImageEncoder != "" {
		encoder := filepath.Clean(o.ImageEncoder)
		from.encoders, from.encoder = os.DirFS(filepath.Dir(encoder)), filepath.Base(encoder)
	}
	a, err := p.loadIPAdapter(ctx, from, o)
	if err != nil {
		return nil, fmt.Errorf("diffusion: load IP-Adapter: %s: %w", name, err)
	}
	return a, nil
}

// LoadIPAdapterFS is [Pipeline.LoadIPAdapter] for a file or folder of fsys.
func (p *Pipeline) LoadIPAdapterFS(fsys fs.FS, name string, o *IPAdapterOptions) (*IPAdapter, error) {
	return p.LoadIPAdapterFSContext(context.Background(), fsys, name, o)
}

// LoadIPAdapterFSContext is [Pipeline.LoadIPAdapterFS] that returns ctx's error soon after
// ctx is done.
func (p *Pipeline) LoadIPAdapterFSContext(ctx context.Context, fsys fs.FS, name string, o *IPAdapterOptions) (*IPAdapter, error) {
	from := ipFiles{fsys: fsys, name: path.Clean(name), encoders: fsys}
	if o != nil && o.ImageEncoder != "" {
		from.encoder = path.Clean(o.ImageEncoder)
	}
	a, err := p.loadIPAdapter(ctx, from, o)
	if err != nil {
		return nil, fmt.Errorf("diffusion: load IP-Adapter: %w", err)
	}
	return a, nil
}

func (p *Pipeline) loadIPAdapter(ctx context.Context, from ipFiles, o *IPAdapterOptions) (_ *IPAdapter, err error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	if ctx == nil || from.fsys == nil {
		return nil, errors.New("have a nil context or file system")
	}
	leave, err := p.calls.Enter("")
	if err != nil {
		return nil, err
	}
	defer leave()
	a := &IPAdapter{unet: model.Of(p.UNet)}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	src, err := from.openAdapter(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.checkIPAdapter(src); err != nil {
		src.Close()
		return nil, err
	}
	precision := ""
	if f := a.unet.Format(); a.unet.Device() {
		_, o := a.unet.Beside()
		precision = o.Precision
	} else if f != kernel.Float32 {
		precision = f.String()
	}
	ctx = a.unet.Session().In(ctx)
	if a.adapter, err = ipadapter.Load(ctx, src, model.LoadOptions{Precision: precision}); err != nil {
		return nil, err
	}
	if err := a.loadEncoder(ctx, from, o, precision); err != nil {
		return nil, err
	}
	return a, nil
}

// loadEncoder loads the image encoder, or takes that of the options.
func (a *IPAdapter) loadEncoder(ctx context.Context, from ipFiles, o *IPAdapterOptions, precision string) error {
	if o != nil && o.Encoder != nil {
		if o.ImageEncoder != "" {
			return fmt.Errorf("have the image encoder %q beside one that is loaded, want one of the two", o.ImageEncoder)
		}
		a.encoder = o.Encoder
	} else {
		src, err := from.openEncoder(ctx, &a.adapter.About)
		if err != nil {
			return err
		}
		if a.encoder, err = clip.LoadImageEncoderFrom(ctx, src, &clip.LoadOptions{Precision: precision}); err != nil {
			return err
		}
		a.owned = true
		for _, w := range a.encoder.Config.Warnings {
			a.Warnings = append(a.Warnings, "image encoder: "+w)
		}
	}
	a.processor = ImageProcessorFor(a.encoder.Config.ImageSize)
	return checkIPEncoder(&a.adapter.About, a.encoder)
}

// ImageEncoder returns the image encoder, for other adapters that read the same. It closes
// with the adapter that loaded it.
func (a *IPAdapter) ImageEncoder() *clip.ImageEncoder {
	if a == nil {
		return nil
	}
	return a.encoder
}

// Close waits for calls that use the adapter's weights and gives their memory back, with
// that of the image encoder unless this was the caller's. Calls that begin later with the
// adapter are errors.
func (a *IPAdapter) Close() error {
	if a.ready() != nil {
		return nil
	}
	return a.close()
}

func (a *IPAdapter) close() (err error) {
	if a.adapter != nil {
		err = a.adapter.Close()
	}
	if a.owned {
		err = errors.Join(err, a.encoder.Close())
	}
	return err
}

func (a *IPAdapter) ready() error {
	if a == nil || a.adapter == nil || a.encoder == nil {
		return errors.New("have an IP-Adapter that was not loaded, want one from LoadIPAdapter")
	}
	return nil
}
