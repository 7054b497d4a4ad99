package scheduler

// The keys of both DPM-Solvers.
const dpmSolver = trained + `, "solver_order": 2, "algorithm_type": "dpmsolver++", "solver_type": "midpoint", "lambda_min_clipped": "-inf", "variance_type": null, "final_sigmas_type": "zero"`

var _ = register(class{
	name:        "DPMSolverMultistepScheduler",
	defaults:    dpmSolver + `, "lower_order_final": true, "euler_at_final": false` + threshold + curves + between + `, "use_lu_lambdas": false` + shifted + linspaced + zeroSNR,
	form:        variancePreserving,
	predictions: anyPrediction,
	algorithms:  []string{"dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver"},
	foreign:     []string{"deis", "data_prediction", "noise_prediction"},
	types:       []string{"midpoint", "heun"},
	check:       checkDPMSolver,
	levels:      multistepLevels{cosineTruncates: true}.schedule,
	complete:    lowerOrderOfFewSteps,
})

var _ = register(class{
	name:        "DPMSolverSinglestepScheduler",
	defaults:    dpmSolver + `, "lower_order_final": false` + threshold + curves + between + shifted,
	form:        variancePreserving,
	predictions: anyPrediction,
	algorithms:  []string{"dpmsolver++", "dpmsolver", "sde-dpmsolver++"},
	foreign:     []string{"deis", "data_prediction", "noise_prediction"},
	types:       []string{"midpoint", "heun"},
	check:       checkDPMSolver,
	levels:      multistepLevels{}.schedule,
})

// checkDPMSolver refuses what the algorithms cannot do.
func checkDPMSolver(c *Config, k *checker) {
	if c.SolverOrder == 3 && c.AlgorithmType == "sde-dpmsolver" {
		k.bad("solver_order", c.SolverOrder, "1 or 2 with algorithm_type sde-dpmsolver")
	}
	if c.combinesNoise() && c.FinalSigmasType == "zero" {
		k.bad("final_sigmas_type", `"zero"`, `"sigma_min" with algorithm_type `+c.AlgorithmType)
	}
	k.notLearned(c.VarianceType)
}

// combinesNoise says whether the algorithm is one that combines estimates of the noise
// and so cannot reach zero.
func (c *Config) combinesNoise() bool {
	return c.AlgorithmType == "dpmsolver" || c.AlgorithmType == "sde-dpmsolver"
}

// lowerOrderOfFewSteps lets lower_order_final take effect in runs of few steps alone.
func lowerOrderOfFewSteps(c *Config, s *Solver, _ *table) {
	const few = 15
	s.LowerOrderFinal = c.LowerOrderFinal && s.Steps < few
}
