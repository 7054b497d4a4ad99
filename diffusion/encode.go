package diffusion

import (
	"context"
	"fmt"
	"time"

	"sdgo/internal/engine"
	"sdgo/vae"
)

// readImage returns the image in the size of the picture, as pixels and as a
// tensor [1 3 H W].
func (r *run) readImage(ctx context.Context, img *source) (pixels, []float32, error) {
	p, err := resize(ctx, img.rgb(ctx), r.Width, r.Height).collect()
	if err != nil {
		return pixels{}, nil, err
	}
	r.note(img.what, p.pix)
	x, err := p.tensor(ctx)
	return p, x, err
}

// encodeImage maps an image [1 3 H W] to the distribution of its latents.
func (r *run) encodeImage(ctx context.Context, x []float32) (*vae.Posterior, error) {
	begin := time.Now()
	pixels := engine.Tensor(x, 1, 3, r.Height, r.Width)
	posterior, err := r.VAE.Encode(r.in(ctx), pixels, vae.Options{Tile: r.encodeTile, Exact: r.TileExact, Seamless: r.seams()})
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	if err := checkFinite("vae encoder", posterior.Mean.Float32s()); err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	r.result.Timings.VAEEncoder += time.Since(begin)
	return posterior, nil
}

// drawLatents encodes images [1 3 H W], one for all pictures or one for each, and draws
// latents [Images 4 h w] for them, each from the stream of its own seed.
func (r *run) drawLatents(ctx context.Context, images ...[]float32) (out []float32, err error) {
	var p *vae.Posterior
	var noise []float32
	for i, stream := range r.noise {
		if i < len(images) {
			if p, err = r.encodeImage(ctx, images[i]); err != nil {
				return nil, err
			}
			noise = make([]float32, p.Mean.DataSize())
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if p.LogVar != nil { // else nothing is drawn, as diffusers does
			stream.draw(noise)
		}
		z, err := p.Sample(noise)
		if err != nil {
			return nil, fmt.Errorf("diffusion: %w", err)
		}
		out = append(out, z.Float32s()...)
	}
	return out, nil
}
