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

// loadParts loads what the index names; the session of ctx holds the weights back.
func (p *Pipeline) loadParts(ctx context.Context, fsys fs.FS, x *index, o *LoadOptions) error {
	schedule, err := loadScheduler(ctx, fsys, x)
	if err != nil {
		return err
	}
	variants, err := chooseVariants(fsys, o.Variant)
	if err != nil {
		return err
	}
	open := func(part string) (checkpoint.Source, error) {
		return openPart(ctx, fsys, part, variants[part], o.Overlay)
	}
	if err := p.loadText(ctx, fsys, x, open, o); err != nil {
		return err
	}
	src, err := open("unet")
	if err != nil {
		return err
	}
	if p.UNet, err = unet.LoadFrom(ctx, src, &unet.LoadOptions{Precision: o.Precision}); err != nil {
		return err
	}
	if src, err = open("vae"); err != nil {
		return err
	}
	if p.VAE, err = vae.LoadFrom(ctx, src, &vae.LoadOptions{Precision: o.Precision}); err != nil {
		return err
	}
	p.setScheduler(schedule)
	p.Warnings = x.warnings
	p.warn("scheduler/scheduler_config.json: ", schedule.Warnings)
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

// loadText loads the text encoders and their tokenizers.
func (p *Pipeline) loadText(ctx context.Context, fsys fs.FS, x *index, open func(part string) (checkpoint.Source, error), o *LoadOptions) (err error) {
	if !x.refiner() {
		if p.Tokenizer, err = clip.LoadTokenizerContext(ctx, fsys, "tokenizer"); err != nil {
			return err
		}
		src, err := open("text_encoder")
		if err != nil {
			return err
		}
		if p.TextEncoder, err = clip.LoadTextEncoderFrom(ctx, src, &clip.LoadOptions{Precision: o.Precision}); err != nil {
			return err
		}
	}
	if x.xl {
		p.zeroEmpty = x.zeroEmpty
		return p.loadSecondText(ctx, fsys, open, o)
	}
	return nil
}

// openPart opens the checkpoint of a part, with the caller's overlay.
func openPart(ctx context.Context, fsys fs.FS, part, variant string, overlay func(string, checkpoint.Source) (checkpoint.Source, error)) (checkpoint.Source, error) {
	src, err := loader.Open(ctx, kinds[part], fsys, part, variant)
	if err != nil || overlay == nil {
		return src, err
	}
	taken := false // else there was an error, or a panic of overlay
	defer func() {
		if !taken {
			src.Close()
		}
	}()
	over, err := overlay(part, src)
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
