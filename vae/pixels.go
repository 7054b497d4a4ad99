package vae

import (
	"context"
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/model"
	"sdgo/internal/nn"
	"sdgo/safetensors/checkpoint"
)

// Pixels returns the autoencoder of a model that works on the pixels themselves: one
// without weights, whose latents are the image [N C H W], of so many channels, 1 to 1024.
// Options may be nil.
func Pixels(ctx context.Context, channels int, o *LoadOptions) (*VAE, error) {
	if channels < 1 || channels > 1<<10 {
		return nil, fmt.Errorf("vae: pixels: have %d channels, want 1 to 1024", channels)
	}
	if o == nil {
		o = &LoadOptions{}
	}
	src, err := checkpoint.New(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("vae: %w", err)
	}
	v := &VAE{Config: Config{
		InChannels: channels, OutChannels: channels, LatentChannels: channels,
		BlockOutChannels: []int{channels}, ScalingFactor: 1, Pixels: true,
	}}
	v.encoder, v.decoder = pixels{}, pixels{}
	define := func([]byte, *nn.Params) error { return nil }
	if v.model, err = model.Load(ctx, "vae", src, model.LoadOptions(*o), define); err != nil {
		return nil, err
	}
	return v, nil
}

// pixels is either half of such an autoencoder.
type pixels struct{}

// forward returns a copy of x.
func (pixels) forward(g *nn.Graph, x *G.Node) *G.Node { return g.Affine(x, 1, 0) }
