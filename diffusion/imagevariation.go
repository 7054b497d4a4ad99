package diffusion

import (
	"context"
	"fmt"
	"image"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
)

// ImageVariation makes pictures that show what an image shows, with a model that reads
// CLIP's embedding of an image in place of a text's (StableDiffusionImageVariationPipeline).
// The image is brought to the size that the model's image encoder reads, and what is beyond
// a square in its middle is not seen. It is read during the call, and must not change. What
// guidance leads away from is no image at all. There is no prompt: options for one are
// errors. Options may be nil.
//
// https://huggingface.co/lambdalabs/sd-image-variations-diffusers
func (p *Pipeline) ImageVariation(ctx context.Context, img image.Image, o *Options) (*Result, error) {
	return p.do(ctx, &imageVariation{img: img}, "", o)
}

// imageVariation begins with noise, and reads an image as a text.
type imageVariation struct {
	textToImage
	img image.Image // the caller's

	original  *source
	embedding *tensor.Dense // [1 1 D], zeros before read
}

func (*imageVariation) about() about {
	return about{name: "image variation", inputs: []input{latentsAlone}, wordless: true}
}

func (t *imageVariation) prepare(r *run) (_ []*source, err error) {
	if !r.varies() {
		return nil, fmt.Errorf("diffusion: image variation: the model reads text, want one that reads embeddings of images in its place, with an image encoder and no text encoder")
	}
	for _, option := range []struct {
		name string
		set  bool
	}{
		{"Cond", r.Cond != nil}, {"NegativeCond", r.NegativeCond != nil}, {"NegativePrompt", r.NegativePrompt != ""},
		{"ClipSkip", r.ClipSkip != 0}, {"Embeddings", len(r.Embeddings) > 0},
	} {
		if option.set {
			return nil, badOption(option.name, "have one, want none: an image takes the place of the text")
		}
	}
	if t.original, err = newSource("image", t.img); err != nil {
		return nil, err
	}
	t.embedding = engine.Tensor(make([]float32, r.textWidth()), 1, 1, r.textWidth())
	r.Cond, r.NegativeCond = t.embedding, engine.Tensor(make([]float32, r.textWidth()), 1, 1, r.textWidth())
	size := int64(r.ImageEncoder.Config.ImageSize)
	r.own += 4*3*size*size + t.original.resizing(int(size), int(size))
	return t.textToImage.prepare(r)
}

func (t *imageVariation) read(ctx context.Context, r *run) error {
	x, err := r.embedImage(ctx, t.original)
	if err != nil {
		return err
	}
	copy(t.embedding.Float32s(), x)
	return nil
}

// embedImage returns the embedding [D] of a whole image.
func (r *run) embedImage(ctx context.Context, img *source) ([]float32, error) {
	pixels, err := r.imageProcessor.read(ctx, img)
	if err != nil {
		return nil, err
	}
	e, err := r.ImageEncoder.Encode(r.in(ctx), pixels, 0)
	if err == nil {
		err = checkFinite("image encoder", e.Pooled.Float32s())
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	return e.Pooled.Float32s(), nil
}
