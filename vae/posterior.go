package vae

import (
	"errors"
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"sdgo/internal/nn"
)

// Posterior is the distribution of the latents of images: independent normals. Encode
// makes it.
type Posterior struct {
	Mean   *tensor.Dense // [N 4 H W], before scaling
	LogVar *tensor.Dense // [N 4 H W], logarithm of the variance, in [-30, 20]; nil of an AutoencoderTiny or a VQModel: it has none

	scaling scaling
}

// Sample returns latents [N 4 H W], scaled to unit variance, for standard normal
// noise of that many elements; noise nil gives the mean, as any does where
// there is no variance.
func (p *Posterior) Sample(noise []float32) (*tensor.Dense, error) {
	if p == nil || p.Mean == nil || p.scaling.scale == 0 {
		return nil, errors.New("vae: posterior: have an empty one, want one from Encode")
	}
	mean, err := nn.Floats("vae: posterior: mean", p.Mean, -1, -1, -1, -1)
	if err != nil {
		return nil, err
	}
	var logVar []float32
	if p.LogVar != nil {
		if logVar, err = nn.Floats("vae: posterior: log var", p.LogVar, p.Mean.Shape()...); err != nil {
			return nil, err
		}
	}
	if noise != nil && len(noise) != len(mean) {
		return nil, fmt.Errorf("vae: noise: have %d elements, want %d", len(noise), len(mean))
	}
	out := nn.Tensor(p.Mean.Shape()...)
	x := out.Float32s()
	for i, m := range mean {
		if noise != nil && logVar != nil {
			std := float32(math.Exp(0.5 * float64(logVar[i])))
			m += float32(std * noise[i])
		}
		x[i] = m
	}
	p.scaling.unit(x, p.Mean.Shape()[2]*p.Mean.Shape()[3])
	return out, nil
}
