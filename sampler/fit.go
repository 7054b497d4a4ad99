package sampler

import (
	"context"
	"slices"
)

// Fitted returns a sampler for levels that come with a solver: under the bounds of its
// config and, where the sampler is as the name of the solver's own class gives it, with
// all its options. So a DDIM on the levels of a DDIMScheduler has the config's clipping
// and the caller's eta, and a PLMS steps between the levels that a PNDMScheduler does.
//
// A sampler that wraps one of this package (see [Describe]) still runs, and the one
// inside has the same when it is given the levels that the outer one was given.
func Fitted(s Sampler, solver Solver) Sampler {
	if IsNil(s) {
		return s
	}
	for _, fit := range fitters {
		if own, ok := fit(s, solver); ok {
			return Bounded(own, solver)
		}
	}
	if info, ok := Describe(s); ok && info.fits() {
		s = fitted{s, solver}
	}
	return Bounded(s, solver)
}

// Bounded returns a sampler under the bounds of a config, those of its clipping or
// thresholding. [DDIM] has a Limit of its own, which stays if it is set; [TCD] has no
// bounds, as in diffusers, whatever its config says.
func Bounded(sampler Sampler, s Solver) Sampler {
	if IsNil(sampler) || !s.limit().on() {
		return sampler
	}
	info, _ := Describe(sampler)
	switch info.sampler.(type) {
	case TCD:
		return sampler
	case DDIM:
		if own, ok := fitter[DDIM](sampler, s.bounds()); ok {
			return own
		}
		if _, ok := sampler.(fitted); ok { // the bounds are in its solver
			return sampler
		}
		return fitted{sampler, s.bounds()}
	}
	return limited{sampler, s.limit()}
}

// fittable is a sampler that its class's solver completes.
type fittable[T any] interface {
	Sampler
	fit(Solver) T
}

// fitters complete one type each, given as it is or by pointer.
var fitters = []func(Sampler, Solver) (Sampler, bool){
	fitter[DDPM], fitter[DDIM], fitter[PLMS], fitter[PNDM], fitter[LCM], fitter[TCD],
	fitter[Euler], fitter[EulerAncestral], fitter[LMS], fitter[Heun], fitter[DPM2], fitter[DPM2Ancestral], fitter[DPMPPSDE],
	fitter[DPMSolver], fitter[DPMSinglestep], fitter[DEIS], fitter[SASolver], fitter[UniPC],
}

func fitter[T fittable[T]](s Sampler, solver Solver) (Sampler, bool) {
	switch own := any(s).(type) {
	case T:
		return own.fit(solver), true
	case *T:
		return (*own).fit(solver), true
	}
	return nil, false
}

// fits says whether a solver has anything to complete in a sampler of the name.
func (info Info) fits() bool {
	return slices.ContainsFunc(fitters, func(fit func(Sampler, Solver) (Sampler, bool)) bool {
		_, ok := fit(info.sampler, Solver{})
		return ok
	})
}

// ofClass returns the sampler of a solver's class, if that is of the type of s, which
// is as its name gives it; else s.
func ofClass[T Sampler](s T, asNamed bool, solver Solver) T {
	if build := byClass[solver.Class]; asNamed && build != nil {
		if own, ok := build(solver).(T); ok {
			return own
		}
	}
	return s
}

// fitted runs a sampler that has one of this package inside, which a solver completes.
type fitted struct {
	Sampler
	Solver Solver // exported, so that a saved run tells it apart
}

// Unwrap returns the sampler that is run.
func (s fitted) Unwrap() Sampler { return s.Sampler }

// Sample implements [Sampler].
func (s fitted) Sample(ctx context.Context, denoise Denoiser, x []float32, sigmas []float64, noise Noise) error {
	if ctx != nil {
		ctx = context.WithValue(ctx, fitKey{}, fitLevels{s.Solver, slices.Clone(sigmas)})
	}
	return s.Sampler.Sample(ctx, denoise, x, sigmas, noise)
}

type fitKey struct{}

// fitLevels are levels that come with a solver.
type fitLevels struct {
	solver Solver
	sigmas []float64
}

// fitting returns a sampler completed by the solver that a sampler around it left, if
// that is for these levels; the bounds hold over any.
func fitting[T fittable[T]](ctx context.Context, s T, sigmas []float64) T {
	if ctx == nil {
		return s
	}
	levels, ok := ctx.Value(fitKey{}).(fitLevels)
	switch {
	case !ok:
		return s
	case slices.Equal(sigmas, levels.sigmas):
		return s.fit(levels.solver)
	}
	return s.fit(levels.solver.bounds())
}
