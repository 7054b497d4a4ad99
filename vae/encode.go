package vae

import (
	"context"

	"gorgonia.org/tensor"

	"sdgo/internal/nn"
)

// Encode maps images [N 3 H W] with values in [-1, 1] to the distribution of
// their latents, [N 4 H/8 W/8]. Images are encoded one at a time. It returns
// ctx's error soon after ctx is done, and ErrNoEncoder if there is none.
func (v *VAE) Encode(ctx context.Context, images *tensor.Dense, o ...Options) (*Posterior, error) {
	if err := v.loaded(); err != nil {
		return nil, err
	}
	if v.encoder == nil {
		return nil, ErrNoEncoder
	}
	how, err := only(o)
	if err != nil {
		return nil, err
	}
	c := &v.Config
	x, err := nn.Floats("vae: images", images, -1, c.InChannels, -1, -1)
	if err != nil {
		return nil, err
	}
	s := images.Shape()
	w, err := v.call(Work{Encode: true, Height: s[2], Width: s[3], Tile: how.Tile, Exact: how.Exact, Seamless: how.Seamless})
	if err != nil {
		return nil, err
	}
	if err := v.fits(w); err != nil {
		return nil, err
	}
	p := &Posterior{
		Mean:    nn.Tensor(s[0], c.LatentChannels, c.cells(s[2]), c.cells(s[3])),
		scaling: c.scaling(),
	}
	if c.moments() > c.LatentChannels {
		p.LogVar = nn.Tensor(p.Mean.Shape()...)
	}
	if err := v.encodeAll(ctx, w, x, p); err != nil {
		return nil, err
	}
	return p, nil
}

// encodeAll encodes images x, one after the other, to p.
func (v *VAE) encodeAll(ctx context.Context, w call, x []float32, p *Posterior) error {
	n := p.Mean.Shape()[0]
	size, half := len(x)/n, p.Mean.DataSize()/n
	ctx, end, err := v.begin(ctx, w, 4*int64(2*half*(n+1)))
	if err != nil {
		return err
	}
	defer end()
	moments := make([]float32, half/v.Config.LatentChannels*v.Config.moments())
	for i := range n {
		if err := v.image(ctx, w, x[i*size:(i+1)*size], moments); err != nil {
			return err
		}
		copy(p.Mean.Float32s()[i*half:], moments[:half])
		for j, m := range moments[half:] {
			p.LogVar.Float32s()[i*half+j] = min(max(m, -30), 20)
		}
	}
	return nil
}
