package diffusion

import (
	"context"
	"fmt"

	"sdgo/sampler"
)

// Where prompts change over a run is counted as WebUI does: by calls of the model, of which
// samplers that it calls of second order have two a step. Samplers that it does not have, with
// several calls a step, and samplers of the caller's are counted by steps.
var (
	twoCalls = map[string]bool{
		"heun": true, "dpm2": true, "dpm2_ancestral": true, "dpmpp_2s_ancestral": true, "dpmpp_2s_ancestral_cfg_pp": true,
		"dpmpp_sde": true, "restart": true,
	}
	byCalls = map[string]bool{"plms": true, "dpm_fast": true, "dpm_adaptive": true}
)

// positionsOf is how many positions a run of so many steps has for the prompts.
func positionsOf(s sampler.Sampler, steps int) int {
	if info, _ := sampler.Describe(s); twoCalls[info.Name] {
		return 2 * steps
	}
	return steps
}

// progress is how much of a run is done.
type progress struct {
	passed       int // steps that another run has made
	steps, calls int // of this one
}

// readPrompts reads the prompts, if they have weights: their lengths say what memory the call
// needs.
func (r *run) readPrompts(ctx context.Context) error {
	if err := r.Syntax.check(); err != nil || r.Syntax == SyntaxPlain {
		return err
	}
	s, err := solver(&r.Options, r.schedule)
	if err != nil {
		return wrong("Sampler", err)
	}
	if name := r.unbalanced(r.prompt); r.distilled() && name != "" {
		return fmt.Errorf("diffusion: %s: have weights of parts between AND that are not 1 together, want 1: the rest is for the negative prompt, which the U-Net does not read", name)
	}
	conditions := r.conditionsFor(&r.Options, r.prompt, r.guiderFor(&r.Options, s))
	r.scripts, err = r.readScripts(ctx, &r.Options, r.prompt, conditions, positionsOf(s, r.Steps))
	return err
}

// position is how many steps or calls of the model are made, of those that count for the
// prompts.
func (r *run) position() int {
	if r.scripts == nil { // prompts that do not change
		return 0
	}
	switch info, _ := sampler.Describe(r.sampler); {
	case twoCalls[info.Name]:
		return 2*r.progress.passed + r.progress.calls
	case byCalls[info.Name]:
		return r.progress.passed + r.progress.calls
	}
	return r.progress.passed + r.progress.steps
}

// counting counts the calls of the model.
func (r *run) counting(denoise sampler.Denoiser) sampler.Denoiser {
	return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		est, err := denoise(ctx, x, sigma)
		r.progress.calls++
		return est, err
	}
}
