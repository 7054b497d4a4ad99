package diffusion

import (
	"context"
	"errors"
	"math"
	"slices"

	"sdgo/sampler"
)

// checkHandover wants the shares of the whole run to make sense.
func (o *Options) checkHandover() error {
	switch {
	case !(o.DenoisingEnd >= 0 && o.DenoisingEnd <= 1):
		return badOption("DenoisingEnd", "have %v, want above 0, to 1, or 0 for the whole run", o.DenoisingEnd)
	case !(o.DenoisingStart >= 0 && o.DenoisingStart < 1):
		return badOption("DenoisingStart", "have %v, want above 0 and below 1, or 0 for the whole run", o.DenoisingStart)
	case o.DenoisingEnd > 0 && o.DenoisingStart >= o.DenoisingEnd:
		return badOption("DenoisingStart", "have %v, want less than the end, which is at %v", o.DenoisingStart, o.DenoisingEnd)
	case o.DenoisingStart > 0 && o.Strength != 0:
		return badOption("Strength", "have %v beside a denoising start, which says where the run begins, want 0", o.Strength)
	}
	return nil
}

// divide takes the part of the schedule that begins where another run ended.
func (r *run) divide() (err error) {
	r.cutoff = math.Inf(-1)
	for _, part := range []struct {
		option string
		share  float64
	}{{"DenoisingStart", r.DenoisingStart}, {"DenoisingEnd", r.DenoisingEnd}} {
		if at := r.schedule.Cutoff(part.share); part.share > 0 && math.IsNaN(at) {
			return badOption(part.option, "have %v, want 0: the model's time is no timestep of training", part.share)
		}
	}
	if r.DenoisingStart > 0 {
		all := len(r.schedule.Sigmas)
		if r.schedule, err = r.schedule.Below(r.schedule.Cutoff(r.DenoisingStart)); err != nil {
			return wrong("DenoisingStart", err)
		}
		r.progress.passed = all - len(r.schedule.Sigmas)
	}
	if r.DenoisingEnd > 0 && r.DenoisingEnd < 1 {
		r.cutoff = r.schedule.Cutoff(r.DenoisingEnd)
	}
	return nil
}

// handed returns the x that a run begins with which another has begun, or the clean
// latents of an image in place of what that had.
func (r *run) handed(ctx context.Context, clean []float32) ([]float32, error) {
	x := clean
	if clean == nil {
		if r.Latents == nil {
			return nil, badOption("DenoisingStart", "have %v without latents, want those that the run ended with which came before (Result.Latents)", r.DenoisingStart)
		}
		var err error
		if x, err = r.initialNoise(ctx); err != nil {
			return nil, err
		}
	}
	scale := float32(1 / r.schedule.Scale(r.schedule.Sigmas[0]))
	for i := range x {
		x[i] *= scale
	}
	return x, nil
}

// errCut ends a sampler within a step.
var errCut = errors.New("diffusion: the run ends within a step")

// cut ends a run at Options.DenoisingEnd.
type cut struct {
	r     *run
	twice bool // a step may end between its two calls
	x     []float32
	sigma float64
}

// newCut returns what ends the run, if it ends early.
func (r *run) newCut() *cut {
	class := r.schedule.Solver.Class
	if r.Sampler != nil {
		class = sampler.SchedulerClass(r.Sampler)
	}
	return &cut{r: r, twice: slices.Contains(cutWithin, class)}
}

// cutWithin are the classes of diffusers that call the model within a step, or in the
// first one, and count that call as others.
var cutWithin = []string{"HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "DPMSolverSDEScheduler", "PNDMScheduler"}

// at says whether the run ends where a call at a noise level would be next.
func (c *cut) at(sigma float64) bool {
	return !math.IsInf(c.r.cutoff, 0) && (sigma == 0 || c.r.schedule.Timestep(sigma) < c.r.cutoff)
}

// wrap ends the run at a call within a step. Those at its beginning come after the step
// before has ended, and are not made.
func (c *cut) wrap(denoise sampler.Denoiser) sampler.Denoiser {
	if !c.twice || math.IsInf(c.r.cutoff, 0) {
		return denoise
	}
	return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		if c.at(sigma) {
			c.x, c.sigma = slices.Clone(x), sigma
			return sampler.Estimate{}, errCut
		}
		return denoise(ctx, x, sigma)
	}
}

// steps is how many of a run's steps are made.
func (c *cut) steps(all int) int {
	if math.IsInf(c.r.cutoff, 0) {
		return all
	}
	s := c.r.schedule
	after, err := s.Below(c.r.cutoff)
	if err != nil { // nothing is left out
		return all
	}
	repeated := max(len(s.Timesteps)-all, 0) // PNDM calls the model twice in its first step
	return min(max(len(s.Timesteps)-len(after.Timesteps)-repeated, 0), all)
}
