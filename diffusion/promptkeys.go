package diffusion

import (
	"context"

	"sdgo/internal/ipadapter"
	"sdgo/internal/nn"
)

// see returns what a condition sees of a prompt. With the negative prompt there is no
// picture: the embedding is zeros, or that of a picture without colours.
func (p *imagePrompt) see(ctx context.Context, c Condition) (as seenAs, err error) {
	as.keys, as.values = make([][]float32, len(p.scales)), make([][]float32, len(p.scales))
	for i, img := range p.images {
		if c == Uncond && i > 0 { // all are the same
			for k := range as.keys {
				n := len(as.keys[k]) / i
				as.keys[k], as.values[k] = append(as.keys[k], as.keys[k][:n]...), append(as.values[k], as.values[k][:n]...)
			}
			continue
		}
		projected, err := p.Adapter.project(ctx, img, c == Uncond)
		if err != nil {
			return as, err
		}
		for k, scale := range p.scales {
			if scale == 0 {
				continue
			}
			as.keys[k] = append(as.keys[k], projected.Keys[k]...)
			for _, v := range projected.Values[k] {
				as.values[k] = append(as.values[k], float32(scale)*v)
			}
		}
	}
	return as, nil
}

// project returns the keys and values of a picture, or of none.
func (a *IPAdapter) project(ctx context.Context, img *source, none bool) (*ipadapter.Projected, error) {
	tokens := a.encoder.Config.Tokens()
	if none && a.adapter.Embedding() {
		return a.adapter.Project(ctx, make([]float32, a.adapter.About.In), tokens)
	}
	size := a.encoder.Config.ImageSize
	pixels := nn.Tensor(1, 3, size, size)
	if !none {
		var err error
		if pixels, err = a.processor.read(ctx, img); err != nil {
			return nil, err
		}
	}
	e, err := a.encoder.Encode(ctx, pixels, a.skip())
	if err != nil {
		return nil, err
	}
	x := e.Tokens.Float32s()
	if a.adapter.Embedding() {
		x = e.Pooled.Float32s()
	}
	if err := checkFinite("image encoder", x); err != nil {
		return nil, err
	}
	return a.adapter.Project(ctx, x, tokens)
}

// readMask returns the mask in the picture's size [H W], 1 where the prompt counts and 0
// elsewhere, or nil.
func (p *imagePrompt) readMask(ctx context.Context, width, height int) ([]float32, error) {
	if p.mask == nil {
		return nil, nil
	}
	gray, err := readMask(ctx, p.mask, MaskLuminance, width, height)
	if err != nil {
		return nil, err
	}
	mask := make([]float32, len(gray))
	for i, v := range gray {
		if v >= 128 {
			mask[i] = 1
		}
	}
	return mask, nil
}
