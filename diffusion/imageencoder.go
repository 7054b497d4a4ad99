package diffusion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"sdgo/internal/loader"
)

// varies says whether the model reads the embedding of an image in place of a text.
func (p *Pipeline) varies() bool {
	return p.ImageEncoder != nil && p.Tokenizer == nil && p.TextEncoder == nil && !p.xl()
}

// checkWordless wants no words for a model that reads none, and an image for one that reads
// it beside them.
func (r *run) checkWordless(a about) error {
	switch {
	case r.unclip != nil && !a.embeds:
		return fmt.Errorf("diffusion: %s: the model reads an image beside the text, want a call that gives one (UnCLIP)", a.name)
	case !r.varies():
		return nil
	}
	for i, region := range r.Regions {
		if region.Cond == nil || region.Prompt+region.Prompt2+region.NegativePrompt+region.NegativePrompt2 != "" {
			return badOption("Regions", "%s: want an embedding (Cond) and no prompt: the model reads images, and no text", newPlace(i+1, region).name)
		}
	}
	switch {
	case a.wordless:
		return nil
	case r.prompt+r.NegativePrompt != "":
		return fmt.Errorf("diffusion: %s: have a prompt, want none: the model reads images, and no text (ImageVariation)", a.name)
	case r.Cond == nil:
		return badOption("Cond", "have none, want an embedding [1 T %d] of an image: the model reads no text (ImageVariation)", r.textWidth())
	}
	return nil
}

// loadProcessor wants the image encoder of a model that has one to be as it reads it, and
// loads the image processor, and what is known of embeddings of images.
func (p *Pipeline) loadProcessor(ctx context.Context, files *modelFiles, variant string) (err error) {
	if p.ImageEncoder == nil {
		return nil
	}
	if files.noising != "" {
		if p.unclip, err = loadUnCLIP(ctx, files.imageEncoder, files.noising, variant); err != nil {
			return err
		}
	}
	if !p.ImageEncoder.Projects() {
		return errors.New("image_encoder: have no projection (visual_projection), want a CLIPVisionModelWithProjection")
	}
	p.imageProcessor, err = readProcessor(ctx, files.imageEncoder, p.ImageEncoder.Config.ImageSize, processorFolder+"/"+processorConfig)
	return err
}

// readProcessor reads the first of some configurations of an image processor that there
// is, and wants it to make images of size pixels a side. Without one it is that of all
// published models.
func readProcessor(ctx context.Context, fsys fs.FS, size int, names ...string) (ImageProcessor, error) {
	for _, name := range names {
		text, err := loader.ReadFile(ctx, fsys, name, 1<<20)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return ImageProcessor{}, err
		}
		p, err := ParseImageProcessor(text)
		if err != nil {
			return p, fmt.Errorf("%s: %w", name, err)
		}
		if w, h := p.outSize(); w != size || h != size {
			return p, fmt.Errorf("%s: makes images of %d×%d pixels, want %d×%d, as the image encoder reads (image_size)", name, w, h, size, size)
		}
		return p, nil
	}
	return ImageProcessorFor(size), nil
}
