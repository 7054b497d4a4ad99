package ldm

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"
)

// EDM is what a file says of a model of Stable Diffusion XL that was trained on the noise
// levels of Karras et al. (2022): Playground 2.5, whose latents have a mean and a standard
// deviation for each channel, or CosXL, which predicts v.
//
// https://arxiv.org/abs/2206.00364
type EDM struct {
	By                            string // the tensor that says so
	V                             bool
	SigmaMin, SigmaMax, SigmaData float64
	Mean, Std                     []float64 // of the latents, or nil
}

// The tensors that say so, and those with the ends of the levels.
const (
	edmMean = "edm_mean"
	edmStd  = "edm_std"
	edmMax  = "edm_vpred.sigma_max"
	edmMin  = "edm_vpred.sigma_min"
)

// marksEDM says whether a file has such tensors.
func (f *file) marksEDM() bool { return f.has(edmMean) || f.has(edmMax) }

// edm reads them. It is nil where there are none.
func (f *file) edm() (*EDM, error) {
	var err error
	number := func(name string, otherwise float64) float64 {
		if !f.has(name) || err != nil {
			return otherwise
		}
		var x []float64
		if x, err = f.few(name, 1); err != nil {
			return 0
		}
		return x[0]
	}
	switch {
	case f.has(edmMean):
		e := &EDM{By: edmMean, SigmaMin: 0.002, SigmaMax: 80, SigmaData: 0.5}
		channels := f.dim(vaePrefix+"decoder.conv_in.weight", 1)
		if e.Mean, err = f.few(edmMean, channels); err == nil {
			e.Std, err = f.few(edmStd, channels)
		}
		return e, err
	case f.has(edmMax):
		e := &EDM{By: edmMax, V: true, SigmaMin: number(edmMin, 0.002), SigmaMax: number(edmMax, 0), SigmaData: 1}
		return e, err // after both were read
	}
	return nil, nil
}

// few reads a tensor of so many numbers.
func (f *file) few(name string, n int) ([]float64, error) {
	shape, _, ok := f.Tensor(name)
	if have := tensor.Shape(shape).TotalSize(); !ok || have != n {
		return nil, fmt.Errorf("%s: have shape %v, want %d numbers", name, shape, n)
	}
	x := make([]float32, n)
	if err := f.Float32s(name, 0, x); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out := make([]float64, n)
	for i, v := range x {
		if out[i] = float64(v); math.IsNaN(out[i]) || math.IsInf(out[i], 0) {
			return nil, fmt.Errorf("%s: have %v, want finite numbers", name, v)
		}
	}
	return out, nil
}

// scaleOfPlayground is the scaling_factor of Playground 2.5.
const scaleOfPlayground = 0.5

// scale sets how the VAE of such a model scales its latents.
func (e *EDM) scale(p *Part) {
	if e == nil || e.Mean == nil || p == nil {
		return
	}
	p.config["latents_mean"], p.config["latents_std"], p.config["scaling_factor"] = e.Mean, e.Std, scaleOfPlayground
}
