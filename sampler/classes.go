package sampler

import "strings"

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
