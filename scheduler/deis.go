package scheduler

var _ = register(class{
	name: "DEISMultistepScheduler",
	defaults: trained + `, "solver_order": 2, "algorithm_type": "deis", "solver_type": "logrho", "lower_order_final": true` +
		threshold + curves + between + shifted + linspaced,
	form:        variancePreserving,
	predictions: anyPrediction,
	algorithms:  []string{"deis"},
	foreign:     []string{"dpmsolver", "dpmsolver++", "data_prediction", "noise_prediction"},
	types:       []string{"logrho"},
	levels:      multistepLevels{neverZero: true, curveRepeatsLevel: true}.schedule,
	complete:    lowerOrderOfFewSteps,
})
