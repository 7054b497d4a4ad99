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

// byClass makes the sampler of each scheduler class.
var byClass = map[string]func(Solver) Sampler{
	"DDPMScheduler": func(s Solver) Sampler {
		atEnd := len(s.Timesteps) > 0 && s.Timesteps[len(s.Timesteps)-1] > 0
		return DDPM{LargeVariance: s.Variance == "fixed_large", NoiseAtEnd: atEnd}
	},
	"DDIMScheduler": func(s Solver) Sampler {
		return DDIM{Eta: s.Eta, Limit: s.limit(), ClippedEps: s.ClippedEps, To: s.To}
	},
	"PNDMScheduler": func(s Solver) Sampler {
		if s.PRK {
			return PNDM{VPrediction: s.Prediction == "v_prediction", From: s.From, To: s.To}
		}
		return PLMS{VPrediction: s.Prediction == "v_prediction", From: s.From, To: s.To}
	},
	"LCMScheduler": func(s Solver) Sampler { return LCM{Timesteps: s.Timesteps, Scaling: s.TimestepScaling} },
	"TCDScheduler": func(s Solver) Sampler { return TCD{Gamma: s.Eta, Timesteps: s.Timesteps, Levels: s.Levels} },
	"EulerDiscreteScheduler": func(s Solver) Sampler {
		if s.Churn == 0 {
			return Euler{}
		}
		return lateChurn(s)
	},
	"EulerAncestralDiscreteScheduler": func(s Solver) Sampler { return EulerAncestral{SNoise: s.SNoise} },
	"LMSDiscreteScheduler":            func(s Solver) Sampler { return LMS{Order: s.Order} },
	"HeunDiscreteScheduler":           func(Solver) Sampler { return Heun{} },
	"KDPM2DiscreteScheduler":          func(Solver) Sampler { return DPM2{} },
	"KDPM2AncestralDiscreteScheduler": func(s Solver) Sampler { return DPM2Ancestral{SNoise: s.SNoise} },
	"DPMSolverSDEScheduler":           func(s Solver) Sampler { return DPMPPSDE{SNoise: s.SNoise} },
	"FlowMatchEulerDiscreteScheduler": func(s Solver) Sampler {
		if s.Stochastic {
			return LCM{}
		}
		return Euler{}
	},
	"EDMEulerScheduler": func(s Solver) Sampler {
		if s.Churn == 0 {
			return Euler{}
		}
		return lateChurn(s)
	},
	"EDMDPMSolverMultistepScheduler": multistepDPM,
	"DPMSolverMultistepScheduler":    multistepDPM,
	"DPMSolverSinglestepScheduler": func(s Solver) Sampler {
		orders := singlestepOrders(max(s.Steps, 1), max(s.Order, 1), s.LowerOrderFinal, s.EndsAtZero)
		return DPMSinglestep{
			Order:   s.Order,
			Epsilon: s.Algorithm == "dpmsolver",
			SDE:     strings.HasPrefix(s.Algorithm, "sde-"),
			Heun:    s.Type == "heun",
			Orders:  orders[min(s.Start, len(orders)):],
		}
	},
	"DEISMultistepScheduler": func(s Solver) Sampler { return DEIS{Order: s.Order, LowerOrderFinal: s.LowerOrderFinal} },
	"SASolverScheduler": func(s Solver) Sampler {
		taus := make([]float64, len(s.Timesteps))
		for i, timestep := range s.Timesteps {
			if timestep >= 200 && timestep <= 800 {
				taus[i] = 1
			}
		}
		return SASolver{
			PredictorOrder:  s.Order,
			CorrectorOrder:  s.CorrectorOrder,
			Tau:             Tau{Steps: taus},
			SNoise:          s.SNoise,
			Epsilon:         s.Algorithm == "noise_prediction",
			LowerOrderFinal: s.LowerOrderFinal,
			SimpleOrder2:    true,
		}
	},
	"UniPCMultistepScheduler": func(s Solver) Sampler {
		var disabled []int
		for _, i := range s.DisableCorrector {
			disabled = append(disabled, i-s.Start)
		}
		return UniPC{Order: s.Order, BH1: s.Type == "bh1", Epsilon: s.Epsilon, LowerOrderFinal: s.LowerOrderFinal, DisableCorrector: disabled}
	},
}

func lateChurn(s Solver) Sampler {
	return EulerLateChurn{
		Churn:      Churn{S: s.Churn, TMin: s.ChurnMin, TMax: s.ChurnMax, SNoise: s.SNoise},
		Prediction: s.Prediction,
		SigmaData:  s.SigmaData,
		Steps:      s.Steps,
	}
}

func multistepDPM(s Solver) Sampler {
	return DPMSolver{
		Order:           s.Order,
		Epsilon:         strings.HasSuffix(s.Algorithm, "dpmsolver"),
		SDE:             strings.HasPrefix(s.Algorithm, "sde-"),
		Heun:            s.Type == "heun",
		LowerOrderFinal: s.LowerOrderFinal,
		EulerAtFinal:    s.EulerAtFinal,
		SNoise:          s.SNoise,
	}
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
