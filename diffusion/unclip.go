package diffusion

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"

	"sdgo/internal/engine"
	"sdgo/unet"
)

// UnCLIP makes pictures of what an image shows and a prompt says, with a model that reads
// CLIP's embedding of an image beside the text (Stable unCLIP, StableUnCLIPImg2ImgPipeline).
// The image is brought to the size that the model's image encoder reads, and what is beyond
// a square in its middle is not seen. It is read during the call, and must not change. Noise
// is added to the embedding as Options.NoiseLevel says, for each picture from its own seed.
// Where Options say nothing there are 20 steps, and a guidance scale of 10. Options may be
// nil.
//
// Ramesh et al. (2022), section 2.1.
// https://arxiv.org/abs/2204.06125
func (p *Pipeline) UnCLIP(ctx context.Context, prompt string, img image.Image, o *Options) (*Result, error) {
	return p.do(ctx, &unCLIP{img: img}, prompt, o)
}

// unCLIP begins with noise, and reads an image as a class.
type unCLIP struct {
	textToImage
	img image.Image // the caller's

	run       *run
	original  *source
	embedding []float32   // [D]
	labels    [][]float32 // [2D] of each picture
}

func (*unCLIP) about() about {
	return about{name: "unCLIP", inputs: []input{latentsAlone}, embeds: true, noiseLevel: true}
}

// maxImageNoise is the last level of noise of an embedding.
const maxImageNoise = 999

func (t *unCLIP) prepare(r *run) (_ []*source, err error) {
	if r.unclip == nil {
		return nil, errors.New("diffusion: unCLIP: the model reads no image beside the text, want one of Stable unCLIP, with an image encoder and an image_normalizer")
	}
	if most := min(maxImageNoise, len(r.unclip.alphaBar)-1); r.NoiseLevel < NoNoise || r.NoiseLevel > most {
		return nil, badOption("NoiseLevel", "have %d, want 0 to %d", r.NoiseLevel, most)
	}
	if t.original, err = newSource("image", t.img); err != nil {
		return nil, err
	}
	t.run = r
	size, width := int64(r.ImageEncoder.Config.ImageSize), int64(r.ImageEncoder.Config.ProjectionDim)
	r.own += 4*3*size*size + t.original.resizing(int(size), int(size)) + 4*width*int64(2*r.Images+8)
	r.steers = append(r.steers, t.steer)
	return t.textToImage.prepare(r)
}

func (t *unCLIP) read(ctx context.Context, r *run) (err error) {
	t.embedding, err = r.embedImage(ctx, t.original)
	return err
}

// start draws the noise of the embedding before that of the latents.
func (t *unCLIP) start(ctx context.Context, r *run) ([]float32, error) {
	noise := make([]float32, len(t.embedding))
	for _, stream := range r.noise {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		stream.draw(noise)
		t.labels = append(t.labels, r.unclip.label(t.embedding, noise, max(r.NoiseLevel, 0)))
	}
	r.note("image embedding", t.labels[0])
	return t.textToImage.start(ctx, r)
}

// steer is a [steer] that gives the U-Net the embedding, and zeros with the negative
// prompt.
func (t *unCLIP) steer(_ context.Context, q *question, of []*reads, in *unet.Input) error {
	width := 2 * len(t.embedding)
	all := make([]float32, len(of)*width)
	for k, r := range of {
		if !t.run.negative(r.condition) {
			copy(all[k*width:], t.labels[q.image])
		}
	}
	in.Cond.ClassLabels = engine.Tensor(all, len(of), width)
	return nil
}

// unclip is what a model of Stable unCLIP has for embeddings of images.
type unclip struct {
	mean, std []float32 // of embeddings
	alphaBar  []float64 // of their noise
}

// label is an embedding with noise of a level, and the level as times are embedded.
func (u *unclip) label(x, noise []float32, level int) []float32 {
	keep, add := float32(math.Sqrt(u.alphaBar[level])), float32(math.Sqrt(1-u.alphaBar[level]))
	label := make([]float32, 0, 2*len(x))
	for i, v := range x {
		v = float32(v-u.mean[i]) / u.std[i]
		v = float32(keep*v) + float32(add*noise[i])
		label = append(label, float32(v*u.std[i])+u.mean[i])
	}
	half := len(x) / 2
	for _, wave := range []func(float64) float64{math.Cos, math.Sin} {
		for i := range half {
			frequency := float32(math.Exp(float64(float32(-math.Log(10000)) * float32(i) / float32(half))))
			label = append(label, float32(wave(float64(float32(level)*frequency))))
		}
	}
	return label[: 2*len(x) : 2*len(x)]
}

// check wants the U-Net to read such embeddings.
func (u *unclip) check(c *unet.Config, width int) error {
	switch {
	case len(u.mean) != width || len(u.std) != width:
		return fmt.Errorf("diffusion: image_normalizer: have %d and %d numbers, want %d, as the image encoder makes (projection_dim)", len(u.mean), len(u.std), width)
	case c.ClassEmbedType == nil || *c.ClassEmbedType != "projection" || *c.ProjectionInputDim != 2*width || width%2 != 0:
		return fmt.Errorf("diffusion: the U-Net does not read embeddings of images of %d numbers and their noise, want class_embed_type projection with a projection_class_embeddings_input_dim of %d", width, 2*width)
	}
	return nil
}
