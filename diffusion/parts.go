package diffusion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"sdgo/clip"
	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/safetensors/checkpoint"
	"sdgo/scheduler"
	"sdgo/unet"
	"sdgo/vae"
)

// parts are those of a model, in the order in which they are loaded.
func (f *modelFiles) parts() []string {
	var parts []string
	for i, part := range []string{ldm.TextEncoder, ldm.TextEncoder2} {
		if f.tokenizers[i] != nil {
			parts = append(parts, part)
		}
	}
	if f.pixels {
		return append(parts, ldm.UNet)
	}
	if f.imageEncoder != nil {
		parts = append(parts, imageEncoderFolder)
	}
	return append(parts, ldm.UNet, ldm.VAE)
}

// loadParts loads the parts of a model; the session of ctx holds the weights back.
func (p *Pipeline) loadParts(ctx context.Context, files *modelFiles, o *LoadOptions) (err error) {
	p.zeroEmpty, p.taught = files.zeroEmpty, files.taught
	for i, tokenizer := range []**clip.Tokenizer{&p.Tokenizer, &p.Tokenizer2} {
		if files.tokenizers[i] == nil {
			continue
		}
		if *tokenizer, err = files.tokenizers[i](ctx); err != nil {
			return err
		}
	}
	for _, part := range files.parts() {
		src, err := files.open(ctx, part)
		if err == nil && part == ldm.UNet && files.family == "" {
			files.family = familyOf(src.Config())
		}
		if err == nil && o.Overlay != nil {
			src, err = overlayPart(part, src, o.Overlay)
		}
		if err != nil {
			return err
		}
		if err := p.loadPart(ctx, part, src, o); err != nil {
			return err
		}
	}
	if err := p.finishTextless(ctx, files, o); err != nil {
		return err
	}
	if err := p.loadProcessor(ctx, files, o.Variant); err != nil {
		return err
	}
	if err := p.loadPreview(ctx, files, o); err != nil {
		return err
	}
	p.setScheduler(files.schedule)
	if !o.gives("unet") {
		p.names = files.names
	}
	p.Identity = files.identity.with(files.family, &p.UNet.Config, p.VAE.Config.LatentChannels)
	if p.textless() {
		p.Identity = p.textlessIdentity(files.identity)
	}
	p.Warnings = files.warnings
	p.warnAll()
	return nil
}

// warnAll keeps the warnings of the parts.
func (p *Pipeline) warnAll() {
	if p.TextEncoder != nil {
		p.warn("text_encoder/", p.TextEncoder.Config.Warnings)
	}
	if p.ImageEncoder != nil {
		p.warn(imageEncoderFolder+"/", p.ImageEncoder.Config.Warnings)
	}
	if p.xl() {
		p.warn("text_encoder_2/", p.TextEncoder2.Config.Warnings)
	}
	p.warn("unet/", p.UNet.Config.Warnings)
	p.warn("vae/", p.VAE.Config.Warnings)
}

// loadPart loads a part from a checkpoint, which it closes.
func (p *Pipeline) loadPart(ctx context.Context, part string, src checkpoint.Source, o *LoadOptions) (err error) {
	switch part {
	case ldm.TextEncoder:
		p.TextEncoder, err = clip.LoadTextEncoderFrom(ctx, src, &clip.LoadOptions{Precision: o.Precision, Weights: o.Weights})
	case ldm.TextEncoder2:
		p.TextEncoder2, err = clip.LoadProjectedFrom(ctx, src, &clip.LoadOptions{Precision: o.Precision, Weights: o.Weights})
	case imageEncoderFolder:
		p.ImageEncoder, err = clip.LoadImageEncoderFrom(ctx, src, &clip.LoadOptions{Precision: o.Precision, Weights: o.Weights})
	case ldm.UNet:
		p.UNet, err = unet.LoadFrom(ctx, src, &unet.LoadOptions{Precision: o.Precision, Weights: o.Weights})
	case ldm.VAE:
		p.VAE, err = vae.LoadFrom(ctx, src, &vae.LoadOptions{Precision: o.Precision, Weights: o.Weights})
	}
	return err
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

const schedulerFile = "scheduler/scheduler_config.json"

// loadScheduler reads the scheduler's config, whose class the index names.
func loadScheduler(ctx context.Context, fsys fs.FS, x *index) (*scheduler.Config, error) {
	return loadSchedulerFile(ctx, fsys, schedulerFile, x)
}

func loadSchedulerFile(ctx context.Context, fsys fs.FS, file string, x *index) (*scheduler.Config, error) {
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
