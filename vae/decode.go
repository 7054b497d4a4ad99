package vae

import (
	"context"
	"fmt"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/nn"
)

// Decode maps latents [N 4 H W], scaled to unit variance as samplers work on
// them, to images [N 3 8H 8W] with values in about [-1, 1]. Images are decoded
// one at a time, so memory does not grow with N. It returns ctx's error soon
// after ctx is done.
func (v *VAE) Decode(ctx context.Context, latents *tensor.Dense, o ...Options) (*tensor.Dense, error) {
	if err := v.loaded(); err != nil {
		return nil, err
	}
	how, err := only(o)
	if err != nil {
		return nil, err
	}
	c := &v.Config
	x, err := nn.Floats("vae: latents", latents, -1, c.LatentChannels, -1, -1)
	if err != nil {
		return nil, err
	}
	s, f := latents.Shape(), c.Factor()
	w, err := v.call(Work{Height: f * s[2], Width: f * s[3], Tile: how.Tile, Exact: how.Exact, Seamless: how.Seamless, Unquantized: how.Unquantized})
	if err != nil {
		return nil, err
	}
	if err := v.fits(w); err != nil {
		return nil, err
	}
	out, err := how.images(s[0], c.OutChannels, f*s[2], f*s[3])
	if err != nil {
		return nil, err
	}
	if err := v.decodeAll(ctx, w, x, out.Float32s(), s[0]); err != nil {
		return nil, err
	}
	return out, nil
}

// decodeAll decodes n latents x, one after the other, to y.
func (v *VAE) decodeAll(ctx context.Context, w call, x, y []float32, n int) error {
	ctx, end, err := v.begin(ctx, w, 4*int64(len(x)/n+len(y)))
	if err != nil {
		return err
	}
	defer end()
	scaled := v.Config.scaling()
	size, outSize := len(x)/n, len(y)/n
	z := make([]float32, size)
	for i := range n {
		scaled.from(z, x[i*size:(i+1)*size])
		if err := v.image(ctx, w, z, y[i*outSize:(i+1)*outSize]); err != nil {
			return err
		}
	}
	return nil
}

// Options change how Decode and Encode work. The zero value is the default.
type Options struct {
	// Tile is the side in pixels of the tiles by which the VAE works, a multiple of
	// 4·Config.Factor(); 0 means on the whole. With tiles memory grows with the picture
	// by little more than the picture itself, but brightness and detail differ slightly,
	// and more the smaller they are. What is no larger than a tile is done whole.
	Tile int
	// Seamless says where the picture goes on with its other side. The zero value is as
	// the model was trained.
	Seamless Seamless
	// Exact makes of tiles what gives the bytes of the whole: every normalisation has the
	// statistics of the whole picture, and every pixel its neighbours. They are bands of
	// the whole width, of about Tile² pixels. What has the size of the latents, attention
	// among it, is computed whole. Of the rest one image is kept between layers, of Stable
	// Diffusion's VAE 512 bytes a pixel, and about half of the layers are computed twice. It
	// has no effect without Tile, and for an AutoencoderTiny, which has no statistics; on a
	// graphics processor it is an error.
	Exact bool
	// Into is where Decode writes the images, of their size, and what its tensor is made
	// of. With nil, and for Encode, memory is allocated.
	Into []float32
	// Unquantized makes Decode take the latents as they are (force_not_quantize), where a
	// VQModel takes the nearest vectors of its codebook. It is an error for others.
	Unquantized bool
}

// only returns the options of a call, of which there is one at most.
func only(list []Options) (o Options, err error) {
	switch len(list) {
	case 0:
		return o, nil
	case 1:
		return list[0], nil
	}
	return o, fmt.Errorf("vae: options: have %d, want one at most", len(list))
}

// images returns the tensor to write images to.
func (o *Options) images(shape ...int) (*tensor.Dense, error) {
	if o.Into == nil {
		return nn.Tensor(shape...), nil
	}
	if have, want := len(o.Into), tensor.Shape(shape).TotalSize(); have != want {
		return nil, fmt.Errorf("vae: images: have room for %d numbers, want %d", have, want)
	}
	return engine.Tensor(o.Into, shape...), nil
}
