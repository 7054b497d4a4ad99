package diffusion

import (
	"context"
	"errors"
	"fmt"
	"image"

	"sdgo/internal/engine"
	"sdgo/internal/ldm"
	"sdgo/internal/model"
	"sdgo/vae"
)

// loadPreview loads the VAE for previews, if the caller names one.
func (p *Pipeline) loadPreview(ctx context.Context, files *modelFiles, o *LoadOptions) error {
	if o.Preview == "" {
		return nil
	}
	src, err := files.openGiven(ctx, givenPart{ldm.VAE, "Preview", o.Preview}, o)
	if err == nil {
		p.Preview, err = vae.LoadFrom(ctx, src, &vae.LoadOptions{Precision: o.Precision, Weights: o.Weights})
	}
	if err != nil {
		return wrong("Preview", fmt.Errorf("preview: %s: %w", o.Preview, err))
	}
	p.warn("preview: ", p.Preview.Config.Warnings)
	return nil
}

// checkPreview wants the VAE for previews to read the latents.
func (p *Pipeline) checkPreview() error {
	if p.Preview == nil {
		return nil
	}
	if have, want := p.Preview.Config.LatentChannels, p.VAE.Config.LatentChannels; have != want {
		return wrong("Preview", fmt.Errorf("diffusion: preview: have an autoencoder of %d channels (latent_channels), want %d, as the VAE has", have, want))
	}
	if have := p.Preview.Config.OutChannels; have != 3 {
		return wrong("Preview", fmt.Errorf("diffusion: preview: have an autoencoder of pictures of %d channels (out_channels), want 3", have))
	}
	return nil
}

// toPreview is what the VAE for previews does with one picture.
func (p *Pipeline) toPreview(h, w int) vae.Work {
	f := p.Preview.Config.Factor()
	return vae.Work{Height: f * h, Width: f * w}
}

// preparePreview chooses between the whole and tiles for previews.
func (r *run) preparePreview() {
	if r.previews() {
		r.previewWork = r.toPreview(r.h, r.w)
		r.previewWork.Seamless = r.seams()
		r.previewWork.Tile, r.noPreview = r.Preview.Fit(r.previewWork)
	}
}

// previews says whether there may be some.
func (r *run) previews() bool { return r.Preview != nil && r.OnStep != nil }

// previewNeed is what previews take of the memory: the pictures, and while the VAE runs.
func (r *run) previewNeed() (small, turn int64, err error) {
	if !r.previews() || r.noPreview != nil {
		return 0, 0, nil
	}
	pixels := int64(r.previewWork.Width) * int64(r.previewWork.Height)
	small = 4*3*pixels + collected*4*pixels*int64(r.Images)
	if model.Of(r.Preview).Memory() == model.Of(r.UNet).Memory() {
		turn, err = r.Preview.Values(r.previewWork)
	}
	return small, turn, err
}

// DecodedPreview returns a picture of each image's denoised latents, of full size, as the
// VAE of LoadOptions.Preview decodes them. It takes that one's time in the run, by tiles
// where LoadOptions.MaxMemory has no room for the whole. It is an error if there is none,
// if there is no room for it, if the sampler has not called the model yet, and once OnStep
// has returned.
func (s Step) DecodedPreview() ([]*image.NRGBA, error) {
	return s.moment.estimates(func(r *run, latents []float32) (*image.NRGBA, error) {
		return r.decodedPreview(s.moment.ctx, latents)
	})
}

// decodedPreview decodes latents [4 h w].
func (r *run) decodedPreview(ctx context.Context, latents []float32) (*image.NRGBA, error) {
	switch {
	case r.Preview == nil:
		return nil, errors.New("diffusion: preview: have no autoencoder for previews, want one in LoadOptions.Preview")
	case r.noPreview != nil:
		return nil, fmt.Errorf("diffusion: preview: %w", r.noPreview)
	}
	w := r.previewWork
	decoded, err := engine.Scratch(3*w.Height*w.Width, "a preview")
	if err != nil {
		return nil, fmt.Errorf("diffusion: preview: %w", err)
	}
	defer decoded.Free()
	x := engine.Tensor(latents, 1, r.Preview.Config.LatentChannels, r.h, r.w)
	if _, err := r.Preview.Decode(r.in(ctx), x, vae.Options{Into: decoded.Data, Tile: w.Tile, Seamless: w.Seamless}); err != nil {
		return nil, fmt.Errorf("diffusion: preview: %w", err)
	}
	if err := checkFinite("vae decoder", decoded.Data); err != nil {
		return nil, fmt.Errorf("diffusion: preview: %w", err)
	}
	images, err := tensorToImages(ctx, decoded.Data, 1, w.Height, w.Width)
	if err != nil {
		return nil, err
	}
	return images[0], nil
}
