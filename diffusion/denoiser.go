package diffusion

import (
	"context"
	"fmt"
	"math"

	"sdgo/sampler"
)

// denoiser is the Denoiser of a run: the network's predictions, guided, and what the
// caller wraps around that. Extra [C H W] holds further input channels of each image, or
// is nil. What Wrap gets ends with the run.
func (r *run) denoiser(extra [][]float32) (sampler.Denoiser, error) {
	r.guide = newGuide(r, extra)
	if r.Wrap == nil {
		return r.guide.denoise, nil
	}
	denoise, end := sampler.Exclusive(r.guide.denoise, len(r.guide.out))
	r.endWrapped = end
	if denoise = r.Wrap(denoise); denoise == nil {
		return nil, badOption("Wrap", "have a nil Denoiser, want the one given or another")
	}
	return denoise, nil
}

// guide is the Denoiser of a network and a Guider. It takes one image after the other,
// so that neither memory nor result depend on the number of images.
type guide struct {
	*run
	extra   [][]float32
	size    int                  // of an image's latents
	last    *network             // of the last question, or nil
	predict predictor            // of an image
	buffers map[string][]float32 // of Predictions
	states  [][]float32          // of each image, nil until the Guider asks

	out, uncond []float32 // [N C H W]; uncond is nil unless the sampler needs it
}

func newGuide(r *run, extra [][]float32) *guide {
	g := &guide{
		run: r, extra: extra, size: r.VAE.Config.LatentChannels * r.h * r.w,
		buffers: map[string][]float32{}, states: make([][]float32, r.Images),
	}
	g.predict = g.ask
	for _, around := range r.around {
		g.predict = around(g.predict)
	}
	g.out = make([]float32, r.Images*g.size)
	if sampler.NeedsUncond(r.sampler) {
		g.uncond = make([]float32, r.Images*g.size)
	}
	return g
}

// denoise is a [sampler.Denoiser].
func (g *guide) denoise(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
	conditions, err := g.needs(sigma)
	if err != nil {
		return sampler.Estimate{}, err
	}
	g.adapters.at(g.step(sigma))
	g.controls.begin(sigma)
	g.keeper.begin()
	for i := range g.Images {
		if err := ctx.Err(); err != nil {
			return sampler.Estimate{}, err
		}
		from, to := i*g.size, (i+1)*g.size
		p := &Predictions{
			X: x[from:to:to], C: g.VAE.Config.LatentChannels, H: g.h, W: g.w, Sigma: sigma,
			kind: g.schedule.Prediction, data: g.schedule.SigmaData, names: conditions, buffers: g.buffers, known: map[Condition][]float32{},
			keep: func() []float32 { return g.state(i) }, levels: g.schedule.Sigmas, timestep: g.schedule.Timestep(sigma),
		}
		if p.outputs, err = g.predictions(ctx, i, p.X, sigma, conditions); err != nil {
			return sampler.Estimate{}, err
		}
		est, err := g.guided(ctx, p)
		if err == nil {
			err = g.take(from, to, est)
		}
		if err != nil {
			return sampler.Estimate{}, fmt.Errorf("guider: image %d: %w", i, err)
		}
	}
	return sampler.Estimate{Denoised: g.out, Uncond: g.uncond}, nil
}

// guided asks the Guider, who gives the predictions back.
func (g *guide) guided(ctx context.Context, p *Predictions) (sampler.Estimate, error) {
	defer p.end()
	return g.guider.Guide(ctx, p)
}

// take copies what a Guider returned for the image at [from:to] of x.
func (g *guide) take(from, to int, est sampler.Estimate) error {
	parts := []struct {
		name    string
		dst, it []float32
	}{{"clean latents", g.out, est.Denoised}, {"unconditional ones", g.uncond, est.Uncond}}
	for _, part := range parts {
		if part.dst == nil {
			continue
		}
		if len(part.it) != to-from {
			return fmt.Errorf("have %d %s, want %d", len(part.it), part.name, to-from)
		}
		if err := checkFinite(part.name, part.it); err != nil {
			return err
		}
		copy(part.dst[from:to], part.it)
	}
	return nil
}

// state is what the Guider keeps of an image.
func (g *guide) state(i int) []float32 {
	if g.states[i] == nil {
		g.states[i] = make([]float32, g.size)
	}
	return g.states[i]
}

// checkFinite returns an error that names the module whose output holds a NaN or
// an infinity.
func checkFinite(module string, x []float32) error {
	for i, v := range x {
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
			return fmt.Errorf("%s: element %d is %v, want finite numbers", module, i, v)
		}
	}
	return nil
}
