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
	Class           string // scheduler class of diffusers
	Prediction      string // the model's kind of output: epsilon, v_prediction, sample
	Order           int
	Algorithm       string // algorithm_type
	Type            string // solver_type
	LowerOrderFinal bool
	EulerAtFinal    bool
	PRK             bool // begin with Runge-Kutta steps

	// Bounds on the estimate of the clean latents, see [Limit].
	Clip     float64
	Quantile float64
	MaxValue float64

	// From and To are the levels that step i starts and ends at, where those are
	// not the schedule's own; see [DDIM]. Nil otherwise.
	From, To []float64

	Eta        float64 // noise of DDIM, 0 to 1
	ClippedEps bool    // DDIM's use_clipped_model_output
	SNoise     float64 // scale of the noise that is added; 0 means 1
	BatchSize  int     // latents in x, for Quantile; 0 means 1
}

// byClass makes the sampler of each scheduler class.
var byClass = map[string]func(Solver) Sampler{
	"DDIMScheduler": func(s Solver) Sampler {
		return DDIM{Eta: s.Eta, Limit: s.limit(), ClippedEps: s.ClippedEps, To: s.To}
	},
	"PNDMScheduler": func(s Solver) Sampler {
		return PLMS{VPrediction: s.Prediction == "v_prediction", From: s.From, To: s.To}
	},
	"EulerDiscreteScheduler": func(Solver) Sampler { return Euler{} },
	"EulerAncestralDiscreteScheduler": func(s Solver) Sampler {
		return EulerAncestral{SNoise: s.SNoise}
	},
	"DPMSolverMultistepScheduler": func(s Solver) Sampler {
		return DPMSolver{
			Order:           s.Order,
			Epsilon:         strings.HasSuffix(s.Algorithm, "dpmsolver"),
			SDE:             strings.HasPrefix(s.Algorithm, "sde-"),
			Heun:            s.Type == "heun",
			LowerOrderFinal: s.LowerOrderFinal,
			EulerAtFinal:    s.EulerAtFinal,
			SNoise:          s.SNoise,
		}
	},
}

// FromSolver returns the sampler of a scheduler class with a config's options.
func FromSolver(s Solver) (Sampler, error) {
	make, ok := byClass[s.Class]
	if !ok {
		return nil, fmt.Errorf("sampler: scheduler class: have %q, want one of %s", s.Class, strings.Join(slices.Sorted(maps.Keys(byClass)), ", "))
	}
	sampler := make(s)
	if _, own := sampler.(DDIM); own || !s.limit().on() {
		return sampler, nil
	}
	return limited{sampler, s.limit()}, nil
}

func (s Solver) limit() Limit {
	return Limit{Clip: s.Clip, Quantile: s.Quantile, MaxValue: s.MaxValue, Batch: s.BatchSize}
}
