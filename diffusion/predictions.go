package diffusion

import (
	"fmt"
	"math"
	"slices"
	"sync"
)

// Predictions are what the U-Net makes of one image at one noise level, with each
// condition that a [Guider] needs. They are valid until Guide returns, when the methods
// begin to return nil, and nothing of them but State is to be changed.
type Predictions struct {
	X       []float32 // [C H W], x₀ + Sigma·ε
	C, H, W int       // size of the latents
	Sigma   float64   // noise level

	kind    string  // of the model's output
	data    float64 // SigmaData of the schedule
	names   []Condition
	outputs []float32               // [K C H W] of names
	buffers map[string][]float32    // [C H W] each, of a run
	known   map[Condition][]float32 // clean latents so far
	keep    func() []float32
	levels  []float64 // of the run, the last of which no call has

	timestep float64

	mu   sync.Mutex // held by the methods
	over bool
}

// Denoised returns the estimate D(x; σ) of the clean latents [C H W] with a condition,
// whatever the model predicts. It is nil if the Guider did not need the condition.
func (p *Predictions) Denoised(c Condition) []float32 {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	y := p.output(c)
	if y == nil {
		return nil
	}
	if x := p.known[c]; x != nil {
		return x
	}
	x := p.buffer("denoised " + string(c))
	p.clean(x, y)
	p.known[c] = x
	return x
}

// Output returns the same [C H W] as the U-Net gives it: the noise ε, the velocity v, or
// the clean latents, as the model was trained. It is nil if the Guider did not need the
// condition.
func (p *Predictions) Output(c Condition) []float32 {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output(c)
}

func (p *Predictions) output(c Condition) []float32 {
	k, size := slices.Index(p.names, c), len(p.X)
	if p.over || k < 0 || len(p.outputs) < (k+1)*size {
		return nil
	}
	return p.outputs[k*size : (k+1)*size : (k+1)*size]
}

// FromOutput returns the clean latents [C H W] that the U-Net would mean by an output. It
// is nil if that has another length.
func (p *Predictions) FromOutput(output []float32) []float32 {
	if p == nil || len(output) != len(p.X) {
		return nil
	}
	p.mu.Lock() // X is the sampler's, who changes it once Guide has returned
	defer p.mu.Unlock()
	if p.over {
		return nil
	}
	x := make([]float32, len(p.X))
	p.clean(x, output)
	return x
}

// State returns numbers [C H W] that are kept for the image from one call of the model to
// the next, and with a run that is saved. In the first call they are zero.
func (p *Predictions) State() []float32 {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || p.keep == nil {
		return nil
	}
	return p.keep()
}

// end takes the predictions from who kept them.
func (p *Predictions) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
}

// have wants predictions with conditions.
func (p *Predictions) have(conditions ...Condition) error {
	for _, c := range conditions {
		if p.Output(c) == nil {
			return fmt.Errorf("have no prediction of %q", c)
		}
	}
	return nil
}

// estimate is FromOutput for this package's own guidance: the next one overwrites it.
func (p *Predictions) estimate(output []float32) []float32 {
	x := p.buffer("estimate")
	p.clean(x, output)
	return x
}

// scratch is room for an output.
func (p *Predictions) scratch() []float32 { return p.buffer("output") }

// buffer is one of a name, which the images of a run share.
func (p *Predictions) buffer(name string) []float32 {
	x := p.buffers[name]
	if x == nil {
		if p.buffers == nil { // of predictions that are the caller's
			p.buffers = map[string][]float32{}
		}
		x = make([]float32, len(p.X))
		p.buffers[name] = x
	}
	return x
}

// clean writes the clean latents that output y means.
func (p *Predictions) clean(out, y []float32) {
	if p.data == 0 {
		clean(out, p.kind, p.X, y, p.Sigma)
		return
	}
	skip, scale := p.preconditioning()
	for i, v := range y {
		out[i] = float32(p.X[i]*skip) + float32(scale*v)
	}
}

// preconditioning is that of Karras et al. (2022), table 1; of a model that predicts v the
// sign of the output is another.
func (p *Predictions) preconditioning() (skip, scale float32) {
	d, total := p.data, p.Sigma*p.Sigma+p.data*p.data
	skip, scale = float32(d*d/total), float32(p.Sigma*d/math.Sqrt(total))
	if p.kind == vPrediction {
		scale = -scale
	}
	return skip, scale
}

// unclean writes the output that means clean latents, for a Sigma above 0. It may write
// over these.
func (p *Predictions) unclean(out, denoised []float32) {
	skip, scale := float32(1), float32(-p.Sigma)
	switch s := p.Sigma; {
	case p.data != 0:
		skip, scale = p.preconditioning()
	case p.kind == "v_prediction":
		skip, scale = float32(1/(s*s+1)), float32(-s/math.Sqrt(s*s+1))
	case p.kind != "epsilon":
		skip, scale = 0, 1
	}
	for i, d := range denoised {
		out[i] = (d - float32(p.X[i]*skip)) / scale
	}
}

// clean writes the clean latents that prediction y of a kind means for x.
func clean(out []float32, kind string, x, y []float32, sigma float64) {
	switch kind {
	case "epsilon": // x₀ = x − σ·ε
		s := float32(sigma)
		for i, eps := range y {
			out[i] = x[i] - float32(s*eps)
		}
	case "v_prediction": // Salimans and Ho 2022, with x = x₀ + σ·ε
		a := float32(1 / (sigma*sigma + 1))
		b := float32(sigma / math.Sqrt(sigma*sigma+1))
		for i, v := range y {
			out[i] = float32(x[i]*a) - float32(b*v)
		}
	default: // "sample"
		copy(out, y)
	}
}
