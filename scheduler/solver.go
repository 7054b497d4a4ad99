package scheduler

// Solver says how a config wants to step between its levels: plain data for
// sampler.FromSolver, whose parameter has the same fields.
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

// solver returns the config's solver for a schedule.
func (c *Config) solver(schedule *Schedule, t *table) Solver {
	calls := len(schedule.Timesteps)
	s := Solver{
		Class:            c.Class,
		Prediction:       c.PredictionType,
		Order:            c.SolverOrder,
		Algorithm:        c.AlgorithmType,
		Type:             c.SolverType,
		LowerOrderFinal:  c.LowerOrderFinal,
		EulerAtFinal:     c.EulerAtFinal,
		EndsAtZero:       schedule.Sigmas[calls] == 0,
		DisableCorrector: c.DisableCorrector,
		Steps:            calls,
		Timesteps:        schedule.Timesteps,
		TimestepScaling:  c.TimestepScaling,
	}
	switch {
	case c.Thresholding:
		s.Quantile, s.MaxValue = c.DynamicThresholdingRatio, c.SampleMaxValue
	case c.ClipSample:
		s.Clip = c.ClipSampleRange
	}
	if complete := c.class().complete; complete != nil {
		complete(c, &s, t)
	}
	return s
}
