package scheduler

import (
	"fmt"
	"math"
	"slices"
)

// Scale turns x₀ + sigma·ε into latents as diffusers' class keeps them: 1/√(1+σ²) where
// they have unit variance, 1/(1+σ) of flow matching, and 1 of all others. FinalScale is
// that of the last level.
func (s *Schedule) Scale(sigma float64) float64 {
	switch {
	case s == nil:
		return math.NaN()
	case s.Flow:
		return 1 / (1 + sigma)
	case s.unit:
		return 1 / math.Sqrt(1+sigma*sigma)
	}
	return 1
}

// Cutoff returns the timestep that divides a run at a share of the training timesteps, as
// diffusers' denoising_end and denoising_start do: model calls at this timestep and above
// it belong to the first part.
func (s *Schedule) Cutoff(share float64) float64 {
	if s == nil || s.continuous {
		return math.NaN()
	}
	return math.RoundToEven(s.train - share*s.train)
}

// Below returns the part of the schedule that runs below a timestep. Of the classes that
// make two model calls a step it begins with the step that has its second call there, even
// if its first is above, as diffusers does. It is an error if no step is left.
func (s *Schedule) Below(timestep float64) (*Schedule, error) {
	if s == nil {
		return nil, errNoSchedule
	}
	if math.IsNaN(timestep) || s.continuous {
		return nil, fmt.Errorf("scheduler: have the model's time as log(σ)/4, or a timestep that is not a number, want one of 0 to %v", s.train)
	}
	if err := s.joined(); err != nil {
		return nil, err
	}
	above := 0
	for above < len(s.Timesteps) && s.Timesteps[above] >= timestep {
		above++
	}
	if skip, two := s.pairs(above, timestep); two {
		above = skip
	}
	switch {
	case above == len(s.Timesteps):
		return nil, fmt.Errorf("scheduler: have timesteps from %g to %g, want one below %g", s.Timesteps[0], s.Timesteps[above-1], timestep)
	case s.Solver.PRK && above > 0:
		return nil, fmt.Errorf("scheduler: have %d steps above timestep %g with skip_prk_steps false, want none: Runge-Kutta steps have no tail", above, timestep)
	}
	return s.from(above, max(s.steps-above, 0))
}

// The classes that make two model calls a step.
const (
	heunClass          = "HeunDiscreteScheduler"
	dpm2Class          = "KDPM2DiscreteScheduler"
	dpm2AncestralClass = "KDPM2AncestralDiscreteScheduler"
	dpmSDEClass        = "DPMSolverSDEScheduler"
)

// pairs returns how many steps are left out where steps make two calls, if they do: both
// calls of each are above the timestep. Levels above it are those of so many steps.
func (s *Schedule) pairs(above int, timestep float64) (skip int, two bool) {
	switch s.Solver.Class {
	case heunClass: // calls at the ends of the step, of which the second is the next's first
		return max(above-1, 0), true
	case dpm2Class, dpm2AncestralClass, dpmSDEClass:
	default:
		return 0, false
	}
	if above == 0 || above == len(s.Timesteps) {
		return max(above-1, 0), true
	}
	end := s.Sigmas[above]
	if s.Solver.Class == dpm2AncestralClass { // it aims lower, and adds noise
		from := s.Sigmas[above-1]
		end = end * end / from
	}
	if s.Timestep(math.Sqrt(s.Sigmas[above-1]*end)) < timestep {
		above--
	}
	return above, true
}

// joined wants one level more than there are timesteps.
func (s *Schedule) joined() error {
	if len(s.Timesteps) == 0 || len(s.Sigmas) != len(s.Timesteps)+1 {
		return fmt.Errorf("scheduler: schedule: have %d timesteps and %d sigmas, want one of the first or more and one more of the second", len(s.Timesteps), len(s.Sigmas))
	}
	return nil
}

// from leaves out the first levels; keep are the steps that are left.
func (s *Schedule) from(skip, keep int) (*Schedule, error) {
	tail := *s
	tail.Timesteps = slices.Clone(s.Timesteps[skip:])
	tail.Sigmas = slices.Clone(s.Sigmas[skip:])
	tail.Solver.Timesteps = tail.Timesteps
	tail.Solver.Start += skip
	if s.Solver.From != nil {
		tail.Solver.From = slices.Clone(s.Solver.From[skip:])
		tail.Solver.To = slices.Clone(s.Solver.To[skip:])
	}
	if skip > 0 && s.Flow {
		tail.InitNoiseSigma = 1 + tail.Sigmas[0]
	} else if skip > 0 {
		tail.InitNoiseSigma = math.Sqrt(1 + tail.Sigmas[0]*tail.Sigmas[0])
	}
	tail.steps = keep
	if s.hops != nil {
		if err := s.hops(&tail); err != nil {
			return nil, err
		}
		last := tail.Sigmas[len(tail.Sigmas)-1] // may have changed
		tail.FinalScale = 1 / math.Sqrt(1+last*last)
	}
	return &tail, nil
}
