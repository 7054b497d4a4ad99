package scheduler

var _ = register(class{
	name: "SASolverScheduler",
	defaults: trained + `, "predictor_order": 2, "corrector_order": 2, "tau_func": null, "algorithm_type": "data_prediction", "lower_order_final": true, "lambda_min_clipped": "-inf", "variance_type": null` +
		threshold + curves + between + `, "use_flow_sigmas": false, "flow_shift": 1.0` + linspaced,
	form:        variancePreserving,
	predictions: anyPrediction,
	algorithms:  []string{"data_prediction", "noise_prediction"},
	foreign:     []string{"dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver", "deis"},
	check: func(c *Config, k *checker) {
		if c.PredictorOrder < 1 || c.PredictorOrder > 4 {
			k.bad("predictor_order", c.PredictorOrder, "1 to 4")
		}
		if c.CorrectorOrder < 1 || c.CorrectorOrder > 4 {
			k.bad("corrector_order", c.CorrectorOrder, "1 to 4")
		}
		k.null("tau_func", c.TauFunc, "a function cannot be read from a file")
		if c.Thresholding && c.AlgorithmType == "noise_prediction" {
			k.bad("thresholding", true, "false with algorithm_type noise_prediction")
		}
		k.notLearned(c.VarianceType)
	},
	levels:   multistepLevels{neverZero: true, curveRepeatsLevel: true}.schedule,
	complete: func(c *Config, s *Solver, _ *table) { s.Order, s.CorrectorOrder = c.PredictorOrder, c.CorrectorOrder },
})
