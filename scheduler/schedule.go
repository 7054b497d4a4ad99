package scheduler

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Schedule is the list of noise levels of one run.
type Schedule struct {
	// Timesteps is the model's time at each level, 0 to num_train_timesteps−1 and
	// not always whole. There is one for each sigma but the last.
	Timesteps []float64

	// Sigmas holds the noise level of each step's first model call, decreasing,
	// then the level that the run ends at. PNDM has its second level twice.
	Sigmas []float64

	// InitNoiseSigma scales unit normal noise to the x that a run starts from.
	InitNoiseSigma float64

	// FinalScale turns the x that a run ends with into latents. It is 1 except
	// when a class that keeps its latents at unit variance does not end at zero.
	FinalScale float64

	// Order is how many entries of Timesteps one step takes. It is 1: samplers
	// that call the model twice in a step derive the second level themselves.
	Order int

	// Prediction is the model's kind of output: "epsilon", "v_prediction" or "sample".
	Prediction string

	// SigmaData is 0 for models trained on levels of betas, which take x/√(1+σ²).
	// Otherwise the model has the preconditioning of Karras et al. (2022), table
	// 1: with σ_d for SigmaData it takes x/√(σ²+σ_d²) at time log(σ)/4, and the
	// estimate is σ_d²/(σ²+σ_d²)·x ± σ·σ_d/√(σ²+σ_d²)·output, minus for v.
	SigmaData float64

	// Flow is set for models of flow matching, which take x/(1+σ) and give ε − x₀,
	// so that the estimate is x/(1+σ) − σ/(1+σ)·output.
	Flow bool

	// Solver says how the config wants to step between the levels.
	Solver Solver

	steps      int // as asked for, before Tail
	table      *table
	unit       bool                  // the class keeps latents of unit variance
	continuous bool                  // the model's time is log(σ)/4
	hops       func(*Schedule) error // sets Solver.From and To of a tail anew, or nil
	train      float64               // number of training timesteps
}

// Schedule returns the levels for a run of steps steps, as the config says.
// steps is at least 1 and at most num_train_timesteps. Some classes and spacings
// have fewer levels than that to choose from, and then the error says how many: of
// 1000 training timesteps, "leading" with steps_offset 1 allows 999 steps, and 998
// of the multistep solvers; LCM and TCD allow original_inference_steps.
func (c *Config) Schedule(steps int) (*Schedule, error) {
	if err := c.checkSteps(steps); err != nil {
		return nil, err
	}
	s, err := c.schedule(steps)
	if err == nil {
		return s, nil
	}
	for fewer := steps - 1; fewer > max(0, steps-4); fewer-- { // where the levels are too many, few are
		if _, ok := c.schedule(fewer); ok == nil {
			return nil, fmt.Errorf("%w; %d steps would do", err, fewer)
		}
	}
	return nil, err
}

// schedule is Schedule for a config and number of steps that were checked.
func (c *Config) schedule(steps int) (*Schedule, error) {
	class := c.class()
	var t *table
	if class.form.trained() {
		var err error
		if t, err = c.table(class.exact); err != nil {
			return nil, err
		}
	}
	s, err := class.levels(c, t, steps)
	if err != nil {
		return nil, err
	}
	if err := c.checkLevels(s); err != nil {
		return nil, err
	}
	c.finish(s, t, steps)
	return s, nil
}

var errNoSchedule = errors.New("scheduler: schedule: have none (nil), want one of a Config")

func (c *Config) checkSteps(steps int) error {
	if err := c.check(); err != nil {
		return err
	}
	if steps < 1 || steps > c.NumTrainTimesteps {
		return fmt.Errorf("scheduler: steps: have %d, want 1 to num_train_timesteps = %d", steps, c.NumTrainTimesteps)
	}
	return nil
}

// finish fills in what does not depend on how the levels were chosen.
func (c *Config) finish(s *Schedule, t *table, steps int) {
	s.Order, s.Prediction = 1, c.PredictionType
	s.steps, s.table, s.train = steps, t, float64(c.NumTrainTimesteps)
	s.continuous = c.TimestepType == "continuous" && c.PredictionType == vPrediction
	form := c.class().form
	s.unit = form == variancePreserving
	switch form {
	case preconditioned:
		s.SigmaData, s.continuous = c.SigmaData, true
	case flowing:
		s.Flow, s.Prediction = true, flowPrediction
	}
	if s.continuous {
		for i := range s.Timesteps {
			s.Timesteps[i] = f32(0.25 * f32(math.Log(s.Sigmas[i])))
		}
	}

	first, last := s.Sigmas[0], s.Sigmas[len(s.Sigmas)-1]
	s.InitNoiseSigma, s.FinalScale = math.Sqrt(1+first*first), 1
	switch {
	case form == flowing:
		s.InitNoiseSigma, s.FinalScale = 1+first, 1/(1+last)
	case form == variancePreserving:
		s.FinalScale = 1 / math.Sqrt(1+last*last)
	case form == preconditioned:
		s.InitNoiseSigma = math.Sqrt(1 + *c.SigmaMax**c.SigmaMax)
	case c.TimestepSpacing != "leading":
		s.InitNoiseSigma = first // as k-diffusion: x₀ is nothing beside it
	}

	from, to := s.Solver.From, s.Solver.To
	s.Solver = c.solver(s, t)
	s.Solver.From, s.Solver.To = from, to
}

// checkLevels catches what no sampler could use.
func (c *Config) checkLevels(s *Schedule) error {
	last, class := len(s.Sigmas)-1, c.class()
	for i, sigma := range s.Sigmas {
		repeats := i == last || class.repeats != nil && class.repeats(c, i)
		if i > 0 && (sigma > s.Sigmas[i-1] || sigma == s.Sigmas[i-1] && !repeats) {
			return fmt.Errorf("scheduler: %s: %d steps: sigma %d is %g after %g, want a lower one: use fewer steps or another spacing",
				c.Class, last, i, sigma, s.Sigmas[i-1])
		}
		if math.IsNaN(sigma) || math.IsInf(sigma, 0) || sigma < 0 || sigma == 0 && (i == 0 || i < last && class.form == preconditioned) {
			return fmt.Errorf("scheduler: %s: sigma %d is %g, want it finite and positive", c.Class, i, sigma)
		}
		if i < last && math.IsNaN(s.Timesteps[i]) {
			return fmt.Errorf("scheduler: %s: timestep %d, at sigma %g, is not a number", c.Class, i, sigma)
		}
		if sigma >= noSignal && c.PredictionType == epsilon {
			return fmt.Errorf("scheduler: %s: timestep %g has no signal left (rescale_betas_zero_snr), have prediction_type %q, want %q or %q",
				c.Class, s.Timesteps[i], epsilon, vPrediction, sample)
		}
	}
	return nil
}

// Steps is the number of steps asked for, or those that Tail left. A sampler may
// call the model more often: PNDM does once more, so its Tail of no step at all,
// whose Steps is 0, has that one call.
func (s *Schedule) Steps() int {
	if s == nil {
		return 0
	}
	return s.steps
}

// Tail returns the part of the schedule that image-to-image runs: the last
// int(steps·strength) steps, strength in (0, 1]. It is an error if that leaves no
// level; of PNDM's levels, which are one more than the steps, one is always left.
func (s *Schedule) Tail(strength float64) (*Schedule, error) {
	if s == nil {
		return nil, errNoSchedule
	}
	if !(strength > 0 && strength <= 1) {
		return nil, fmt.Errorf("scheduler: strength: have %g, want more than 0 and at most 1", strength)
	}
	if err := s.joined(); err != nil {
		return nil, err
	}
	keep := min(int(float64(s.steps)*strength), s.steps)
	if s.Solver.PRK && keep < s.steps {
		return nil, fmt.Errorf("scheduler: strength: have %g, want 1 with skip_prk_steps false: Runge-Kutta steps have no tail", strength)
	}
	skip := (s.steps - keep) * s.Order
	if skip >= len(s.Timesteps) { // a clipped schedule is shorter than asked for
		return nil, fmt.Errorf("scheduler: strength: have %g of %d steps with %d levels, which leaves no step to run", strength, s.steps, len(s.Timesteps))
	}
	return s.from(skip, keep)
}

// DiscardPenultimate returns the schedule without the level before its last.
// Stable Diffusion WebUI and ComfyUI run DPM2 and UniPC, whose second call would
// come too near to zero, on such a schedule of one step more.
func (s *Schedule) DiscardPenultimate() (*Schedule, error) {
	if s == nil {
		return nil, errNoSchedule
	}
	n := len(s.Timesteps)
	if n < 2 || len(s.Sigmas) != n+1 || s.Solver.From != nil || s.Solver.PRK {
		return nil, fmt.Errorf("scheduler: discard penultimate: have %d levels of %s, want at least 2 that join", n, s.Solver.Class)
	}
	short := *s
	short.Timesteps = slices.Clone(s.Timesteps[:n-1])
	short.Sigmas = append(slices.Clone(s.Sigmas[:n-1]), s.Sigmas[n])
	short.Solver.Timesteps = short.Timesteps
	short.Solver.Steps--
	short.steps = max(s.steps-1, 1)
	return &short, nil
}

// TimestepRange returns the bounds of the model's time: 0 and num_train_timesteps−1,
// or infinities where it is log(σ)/4.
func (s *Schedule) TimestepRange() (low, high float64) {
	if s == nil || s.continuous {
		return math.Inf(-1), math.Inf(1)
	}
	return 0, s.train - 1
}

// Timestep returns the model's time at noise level sigma: that of the schedule
// where sigma is one of its levels, else by interpolation between the training
// levels, linear in log σ.
func (s *Schedule) Timestep(sigma float64) float64 {
	if s == nil {
		return math.NaN()
	}
	for i, t := range s.Timesteps[:min(len(s.Timesteps), len(s.Sigmas))] {
		if s.Sigmas[i] == sigma {
			return t
		}
	}
	switch {
	case s.continuous:
		return 0.25 * math.Log(sigma)
	case s.Flow:
		return sigma / (1 + sigma) * s.train
	case s.table == nil:
		return math.NaN()
	}
	return s.table.timestep(sigma)
}
