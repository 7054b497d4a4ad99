package diffusion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"sdgo/clip"
	"sdgo/internal/loader"
	"sdgo/safetensors/checkpoint"
	"sdgo/scheduler"
	"sdgo/unet"
	"sdgo/vae"
)

// loadParts loads the parts of a model; the session of ctx holds the weights back.
func (p *Pipeline) loadParts(ctx context.Context, files *modelFiles, o *LoadOptions) error {
	open := func(part string) (checkpoint.Source, error) {
		src, err := files.open(ctx, part)
		if err != nil || o.Overlay == nil {
			return src, err
		}
		return overlayPart(part, src, o.Overlay)
	}
	if err := p.loadText(ctx, files, open, o); err != nil {
		return err
	}
	src, err := open("unet")
	if err != nil {
		return err
	}
	if p.UNet, err = unet.LoadFrom(ctx, src, &unet.LoadOptions{Precision: o.Precision, Weights: o.Weights}); err != nil {
		return err
	}
	if src, err = open("vae"); err != nil {
		return err
	}
	if p.VAE, err = vae.LoadFrom(ctx, src, &vae.LoadOptions{Precision: o.Precision, Weights: o.Weights}); err != nil {
		return err
	}
	if err := p.loadPreview(ctx, files, o); err != nil {
		return err
	}
	p.setScheduler(files.schedule)
	p.Warnings = files.warnings
	if p.TextEncoder != nil {
		p.warn("text_encoder/", p.TextEncoder.Config.Warnings)
	}
	if p.xl() {
		p.warn("text_encoder_2/", p.TextEncoder2.Config.Warnings)
	}
	p.warn("unet/", p.UNet.Config.Warnings)
	p.warn("vae/", p.VAE.Config.Warnings)
	return nil
}

// loadText loads the text encoders.
func (p *Pipeline) loadText(ctx context.Context, files *modelFiles, open func(part string) (checkpoint.Source, error), o *LoadOptions) error {
	if p.Tokenizer = files.tokenizer; p.Tokenizer != nil {
		src, err := open("text_encoder")
		if err != nil {
			return err
		}
		if p.TextEncoder, err = clip.LoadTextEncoderFrom(ctx, src, &clip.LoadOptions{Precision: o.Precision, Weights: o.Weights}); err != nil {
			return err
		}
	}
	if files.xl {
		return p.loadSecondText(ctx, files, open, o)
	}
	return nil
}

// overlayPart returns the checkpoint of a part that the caller wants in place of one.
func overlayPart(part string, src checkpoint.Source, change func(string, checkpoint.Source) (checkpoint.Source, error)) (checkpoint.Source, error) {
	taken := false // else there was an error, or a panic of change
	defer func() {
		if !taken {
			src.Close()
		}
	}()
	over, err := change(part, src)
	if err == nil && over == nil {
		err = errors.New("have no checkpoint, want one")
	}
	if err != nil {
		return nil, fmt.Errorf("overlay of the %s: %w", part, err)
	}
	taken = true
	if over == src {
		return src, nil
	}
	return overlaid{over, src}, nil
}

// overlaid is a checkpoint that a caller has returned for another. It closes both.
type overlaid struct {
	checkpoint.Source
	below checkpoint.Source
}

// Unwrap returns the caller's checkpoint.
func (o overlaid) Unwrap() checkpoint.Source { return o.Source }

func (o overlaid) Close() (err error) {
	defer func() { err = errors.Join(err, o.below.Close()) }() // even if the caller's panics
	return o.Source.Close()
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
