package scheduler

var _ = register(class{
	name: "UniPCMultistepScheduler",
	defaults: trained + `, "solver_order": 2, "solver_type": "bh2", "predict_x0": true, "lower_order_final": true, "disable_corrector": [], "solver_p": null` +
		threshold + curves + between + shifted + linspaced + zeroSNR + `, "final_sigmas_type": "zero", "shift_terminal": null`,
	form:        variancePreserving,
	predictions: anyPrediction,
	types:       []string{"bh2", "bh1"},
	check: func(c *Config, k *checker) {
		if c.ShiftTerminal != nil {
			k.bad("shift_terminal", *c.ShiftTerminal, "null without use_flow_sigmas")
		}
		k.null("solver_p", c.SolverP, "another scheduler as predictor is not implemented")
	},
	levels: multistepLevels{curveRepeatsLevel: true}.schedule,
	complete: func(c *Config, s *Solver, _ *table) {
		if s.Epsilon = !c.PredictX0; s.Epsilon { // thresholding is of no effect, as in diffusers
			s.Quantile, s.MaxValue = 0, 0
		}
	},
})
