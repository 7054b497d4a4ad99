package scheduler

// Solver says how a config wants to step between its levels: plain data for
// sampler.FromSolver, whose parameter has the same fields.
type Solver struct {
	Class           string // as in the config
	Prediction      string // the model's kind of output
	Order           int
	Algorithm       string // algorithm_type
	Type            string // solver_type
	LowerOrderFinal bool   // already decided for the run's number of steps
	EulerAtFinal    bool
	PRK             bool // begin with Runge-Kutta steps

	// Bounds on the estimate of the clean latents.
	Clip     float64 // to ±Clip; 0 is no bound
	Quantile float64 // dynamic thresholding at this quantile of each latent's values; 0 is none
	MaxValue float64 // its largest threshold

	// From and To are the levels that step i starts and ends at, where those are
	// not Sigmas[i] and Sigmas[i+1]: DDIM and PNDM step by a fixed stride in time,
	// which misses the next level when the spacing is uneven. Nil otherwise.
	From, To []float64

	// Not in a config: the caller may set these.
	Eta        float64 // noise of DDIM, 0 to 1
	ClippedEps bool    // DDIM derives the noise from the bounded estimate (use_clipped_model_output)
	SNoise     float64 // scale of the noise that is added; 0 means 1
	BatchSize  int     // latents in x, for Quantile; 0 means 1
}

// fewSteps is the number of steps below which lower_order_final takes effect.
const fewSteps = 15

// solver returns the config's solver for a run that calls the model calls times.
func (c *Config) solver(calls int) Solver {
	s := Solver{
		Class:           c.Class,
		Prediction:      c.PredictionType,
		Order:           c.SolverOrder,
		Algorithm:       c.AlgorithmType,
		Type:            c.SolverType,
		LowerOrderFinal: c.LowerOrderFinal && calls < fewSteps,
		EulerAtFinal:    c.EulerAtFinal,
		PRK:             c.Class == "PNDMScheduler" && !c.SkipPRKSteps,
	}
	switch {
	case c.Thresholding:
		s.Quantile, s.MaxValue = c.DynamicThresholdingRatio, c.SampleMaxValue
	case c.ClipSample:
		s.Clip = c.ClipSampleRange
	}
	return s
}
