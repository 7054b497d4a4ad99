package sampler

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Solver says how a model's scheduler config wants to step. It has the fields of
// scheduler.Solver, so that one converts to the other:
//
//	s, err := sampler.FromSolver(sampler.Solver(schedule.Solver))
type Solver struct {
	Class            string // as in the config
	Prediction       string // the model's kind of output
	Order            int    // of SA-Solver, the predictor's
	CorrectorOrder   int    // of SA-Solver
	Algorithm        string // algorithm_type
	Type             string // solver_type
	Epsilon          bool   // UniPC combines estimates of the noise (predict_x0 false)
	LowerOrderFinal  bool   // already decided for the number of steps, where that matters
	EulerAtFinal     bool
	EndsAtZero       bool
	PRK              bool    // PNDM begins with Runge-Kutta steps
	Stochastic       bool    // flow matching: fresh noise at every step
	SigmaData        float64 // of EDM's preconditioning; 0 is none
	Variance         string  // variance_type of DDPM
	DisableCorrector []int   // steps of the whole schedule that UniPC does not correct

	// Bounds on the estimate of the clean latents.
	Clip     float64 // to ±Clip; 0 is no bound
	Quantile float64 // dynamic thresholding at this quantile of each latent's values; 0 is none
	MaxValue float64 // its largest threshold

	// From and To are the levels that step i starts and ends at, where those are
	// not Sigmas[i] and Sigmas[i+1]: DDIM and PNDM step by a fixed stride in time,
	// which misses the next level when the spacing is uneven. Nil otherwise.
	From, To []float64

	Steps           int       // model calls of the whole schedule
	Start           int       // the first of them that is run; not 0 in a tail
	Timesteps       []float64 // of the steps that are run
	TimestepScaling float64   // of LCM
	Levels          []float64 // sigma of every training timestep, for TCD

	// Not in a config: the caller may set these.
	Eta        float64 // noise of DDIM, or gamma of TCD; 0 to 1
	ClippedEps bool    // DDIM derives the noise from the bounded estimate (use_clipped_model_output)
	Churn      float64 // noise that Euler adds before its steps (s_churn)
	ChurnMin   float64 // s_tmin
	ChurnMax   float64 // s_tmax; 0 is no limit
	SNoise     float64 // scale of the noise that is added; 0 means 1
	BatchSize  int     // latents in x, for Quantile; 0 means 1
}

// FromSolver returns the sampler of a scheduler class with a config's options.
func FromSolver(s Solver) (Sampler, error) {
	build, ok := byClass[s.Class]
	if !ok {
		return nil, fmt.Errorf("sampler: scheduler class: have %q, want one of %s", s.Class, strings.Join(slices.Sorted(maps.Keys(byClass)), ", "))
	}
	return Bounded(build(s), s), nil
}

// Named returns the sampler of a name, as [ByName] does, [Fitted] for levels that come
// with a solver.
func Named(name string, s Solver) (Sampler, error) {
	info, err := Lookup(name)
	if err != nil {
		return nil, err
	}
	return Fitted(info.sampler, s), nil
}

func (s Solver) limit() Limit {
	return Limit{Clip: s.Clip, Quantile: s.Quantile, MaxValue: s.MaxValue, Batch: s.BatchSize}
}

// bounds is a solver that knows the bounds alone.
func (s Solver) bounds() Solver {
	return Solver{Clip: s.Clip, Quantile: s.Quantile, MaxValue: s.MaxValue, BatchSize: s.BatchSize}
}
