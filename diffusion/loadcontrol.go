package diffusion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sdgo/internal/control"
	"sdgo/internal/ldm"
	"sdgo/internal/model"
	"sdgo/safetensors/checkpoint"
	"sdgo/unet"
)

// LoadControl loads a ControlNet or a T2I-Adapter for the pipeline's model: a folder that
// diffusers wrote (ControlNetModel, T2IAdapter), or one file in safetensors, of PyTorch or
// GGUF, in the names of diffusers or of the original code (control_model.*, body.*). What it
// is, and its structure, are told from the names and shapes of the tensors of a file. One
// that is for another family of models is an error that says which, and what would fit; so
// are ControlLoRA, ControlNet Union and ControlNet-XS, which are not supported. Its weights
// have the precision of the U-Net's and lie in the pipeline's memory, which
// LoadOptions.MaxMemory limits, until Close.
func (p *Pipeline) LoadControl(path string) (*LoadedControl, error) {
	return p.LoadControlContext(context.Background(), path)
}

// LoadControlContext is [Pipeline.LoadControl] that returns ctx's error soon after ctx is
// done.
func (p *Pipeline) LoadControlContext(ctx context.Context, path string) (*LoadedControl, error) {
	path = filepath.Clean(path) // a folder may end in a slash
	return p.LoadControlFSContext(ctx, os.DirFS(filepath.Dir(path)), filepath.Base(path))
}

// LoadControlFS is [Pipeline.LoadControl] for a file or folder of fsys.
func (p *Pipeline) LoadControlFS(fsys fs.FS, name string) (*LoadedControl, error) {
	return p.LoadControlFSContext(context.Background(), fsys, name)
}

// LoadControlFSContext is [Pipeline.LoadControlFS] that returns ctx's error soon after ctx
// is done.
func (p *Pipeline) LoadControlFSContext(ctx context.Context, fsys fs.FS, name string) (*LoadedControl, error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	if ctx == nil {
		return nil, errors.New("diffusion: have a nil context")
	}
	leave, err := p.calls.Enter("")
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	defer leave()
	l := &LoadedControl{of: model.Of(p.UNet), gate: new(model.Gate)}
	src, class, err := control.Open(ctx, fsys, name, "", control.ControlNet, control.T2IAdapter)
	if err == nil {
		err = l.load(ctx, p, class, src)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("diffusion: load control: %w", err)
	}
	return l, nil
}

// load loads the network from a checkpoint, which it closes.
func (l *LoadedControl) load(ctx context.Context, p *Pipeline, class string, src checkpoint.Source) (err error) {
	session, options := l.of.Beside()
	session.Hold()
	o := unet.LoadOptions(options)
	loaded := false
	defer func() {
		if !loaded {
			l.release()
		}
	}()
	if class == control.ControlNet {
		l.net, err = unet.LoadControlNet(session.In(ctx), src, &o)
	} else {
		l.adapter, err = unet.LoadT2IAdapter(session.In(ctx), src, &o)
	}
	if err != nil {
		return err
	}
	if err := p.fits(l); err != nil {
		return err
	}
	most, least, err := p.values()
	if err != nil {
		return err
	}
	own, err := l.usual(p)
	if err != nil {
		return err
	}
	if err := session.Load(ctx, max(most, own), max(least, own)); err != nil {
		return err
	}
	if l.net != nil {
		l.Warnings = l.net.Config.Warnings
	} else {
		l.Warnings = l.adapter.Config.Warnings
	}
	loaded = true
	return nil
}

// release closes what there is of the network.
func (l *LoadedControl) release() error {
	if l.net != nil {
		return l.net.Close()
	}
	return l.adapter.Close()
}

// usual is the most bytes that the network takes while it runs for a picture of the default
// size and two texts.
func (l *LoadedControl) usual(p *Pipeline) (int64, error) {
	size, err := p.sizeOf("", nil)
	if err != nil {
		return 0, err
	}
	var shapes []shape
	for _, b := range size.batches {
		shapes = append(shapes, shape{b, size.h, size.w})
	}
	height, width := size.height, size.width
	if l.adapter != nil { // which reads whole squares
		f := l.adapter.Config.DownscaleFactor
		height, width = (height+f-1)/f*f, (width+f-1)/f*f
	}
	return l.values(height, width, size.h, size.w, shapes)
}

// fits wants the network to be one for the pipeline's U-Net.
func (p *Pipeline) fits(l *LoadedControl) error {
	factor, family := p.VAE.Config.Factor(), familyOfUNet(&p.UNet.Config)
	if l.net == nil {
		err := p.UNet.FitsT2I(l.adapter, factor)
		own, squares := ldm.SD1, l.adapter.Config.DownscaleFactor // for Stable Diffusion 2, too
		if l.adapter.Config.Type == "full_adapter_xl" {
			own = ldm.SDXL
		}
		switch {
		case err == nil:
			return nil
		case p.textless():
			return fmt.Errorf("the model reads no text, this %v is for one that does: %w", l, err)
		case (own == ldm.SDXL) == (family == ldm.SDXL):
			return fmt.Errorf("%w: this T2I-Adapter is for another structure of %s than the model's", err, family)
		}
		return fmt.Errorf("%w: the model is %s: want a T2I-Adapter for it, this is one for %s (squares of %d pixels)", err, family, own, squares)
	}
	c := &l.net.Config
	err := p.UNet.Fits(l.net)
	if err == nil && c.Factor() != factor {
		err = fmt.Errorf("it embeds pictures %d times as large as the latents (conditioning_embedding_out_channels), the VAE's are %d times", c.Factor(), factor)
	}
	if latents := p.VAE.Config.LatentChannels; err == nil && c.InChannels != latents && c.InChannels != p.UNet.Config.InChannels {
		err = fmt.Errorf("it reads %d channels (in_channels), want the latents' %d", c.InChannels, latents)
	}
	if err == nil {
		return nil
	}
	if p.textless() {
		return fmt.Errorf("the model reads no text, this %v is for one that does: %w", l, err)
	}
	if own := familyOfUNet(&c.Config); own != family {
		return fmt.Errorf("this is a ControlNet for %s, the model is %s: want a ControlNet for %s: %w", own, family, family, err)
	}
	return fmt.Errorf("this ControlNet is for another structure of %s than the model's: %w", family, err)
}
