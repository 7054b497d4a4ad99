package scheduler

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The values of prediction_type: what the model's output is.
const (
	epsilon     = "epsilon"      // the noise
	vPrediction = "v_prediction" // √ᾱ·ε − √(1−ᾱ)·x₀
	sample      = "sample"       // the clean latents
)

// maxTrainTimesteps bounds the tables that a file can ask for. Models have 1000
// levels, a few of the first ones 4000.
const maxTrainTimesteps = 100_000

var errNoConfig = errors.New("scheduler: config: have none (nil), want one of ParseConfig or NewConfig")

// check reports the first value that the class does not have or we do not
// implement. Keys that the class does not read are not looked at.
func (c *Config) check() error {
	if c == nil {
		return errNoConfig
	}
	spec, ok := classes[c.Class]
	if !ok {
		return fmt.Errorf("scheduler: _class_name: have %q, want one of %s", c.Class, strings.Join(Classes(), ", "))
	}
	keys := spec.defaultKeys()
	bad := func(key string, have any, want string) error {
		return fmt.Errorf("scheduler: %s: %s: have %v, want %s", c.Class, key, have, want)
	}
	oneOf := func(key, have string, want ...string) error {
		if _, ok := keys[key]; !ok || slices.Contains(want, have) {
			return nil
		}
		return bad(key, fmt.Sprintf("%q", have), "one of "+strings.Join(want, ", "))
	}
	between := func(key string, have, low, high float64) error {
		if _, ok := keys[key]; !ok || have >= low && have <= high {
			return nil
		}
		return bad(key, have, fmt.Sprintf("a number from %g to %g", low, high))
	}
	off := func(key string, have bool) error {
		if !have {
			return nil
		}
		return bad(key, have, "false: it is not implemented")
	}

	for _, err := range []error{
		c.checkTrained(),
		between("beta_start", c.BetaStart, 0, 1),
		between("beta_end", c.BetaEnd, 0, 1),
		oneOf("beta_schedule", c.BetaSchedule, betaSchedules...),
		oneOf("prediction_type", c.PredictionType, spec.predictions...),
		oneOf("timestep_spacing", c.TimestepSpacing, "linspace", "leading", "trailing"),
		between("steps_offset", float64(c.StepsOffset), 0, float64(c.NumTrainTimesteps)),
		oneOf("final_sigmas_type", c.FinalSigmasType, "zero", "sigma_min"),
		oneOf("sigma_schedule", c.SigmaSchedule, "karras", "exponential"),
		between("rho", c.Rho, 0.1, 1000),
		between("sigma_data", c.SigmaData, math.SmallestNonzeroFloat64, math.MaxFloat32),
		oneOf("interpolation_type", c.InterpolationType, "linear", "log_linear"),
		oneOf("timestep_type", c.TimestepType, "discrete", "continuous"),
		between("clip_sample_range", c.ClipSampleRange, math.SmallestNonzeroFloat64, math.MaxFloat32),
		between("dynamic_thresholding_ratio", c.DynamicThresholdingRatio, 0, 1),
		between("sample_max_value", c.SampleMaxValue, 1, math.MaxFloat32),
		off("use_flow_sigmas", c.UseFlowSigmas),
		off("use_dynamic_shifting", c.UseDynamicShifting),
		off("invert_sigmas", c.InvertSigmas),
		between("shift", c.Shift, 1e-3, 1e3),
	} {
		if err != nil {
			return err
		}
	}
	if given := c.curveFlags(); len(given) > 1 {
		return fmt.Errorf("scheduler: %s: have %s, want at most one of them", c.Class, strings.Join(given, " and "))
	}
	for key, sigma := range map[string]*float64{"sigma_min": c.SigmaMin, "sigma_max": c.SigmaMax} {
		if _, ok := keys[key]; ok && sigma != nil && !(*sigma > 0 && *sigma <= math.MaxFloat32) {
			return bad(key, *sigma, "a positive number")
		}
	}
	return c.checkSolver(bad, oneOf)
}

// checkTrained checks the size of the tables.
func (c *Config) checkTrained() error {
	if n := c.NumTrainTimesteps; n < 1 || n > maxTrainTimesteps {
		return fmt.Errorf("scheduler: %s: num_train_timesteps: have %d, want a number from 1 to %d", c.Class, n, maxTrainTimesteps)
	}
	if c.TrainedBetas != nil && len(c.TrainedBetas) != c.NumTrainTimesteps {
		return fmt.Errorf("scheduler: %s: trained_betas: have %d numbers, want num_train_timesteps = %d of them", c.Class, len(c.TrainedBetas), c.NumTrainTimesteps)
	}
	return nil
}

// checkSolver checks the keys that say how to step.
func (c *Config) checkSolver(bad func(string, any, string) error, oneOf func(string, string, ...string) error) error {
	if _, ok := classes[c.Class].defaultKeys()["solver_order"]; ok && (c.SolverOrder < 1 || c.SolverOrder > 3) {
		return bad("solver_order", c.SolverOrder, "1, 2 or 3")
	}
	// the variances of a DDPM, to which this key belongs, mean nothing to the others
	learned := c.VarianceType != nil && strings.HasPrefix(*c.VarianceType, "learned")
	var err error
	switch c.Class {
	case "EDMEulerScheduler", "EDMDPMSolverMultistepScheduler":
		if c.SigmaMin == nil || c.SigmaMax == nil || *c.SigmaMin >= *c.SigmaMax {
			return bad("sigma_min", "no less than sigma_max, or null", "both, and sigma_min the lower")
		}
		err = errors.Join(oneOf("algorithm_type", c.AlgorithmType, "dpmsolver++", "sde-dpmsolver++", "deis"), oneOf("solver_type", c.SolverType, solverTypes...))
	case "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler":
		// algorithm and solver types of the other solvers are taken for the
		// default here, so that a config can move between the classes
		algorithms := []string{"dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver", "deis", "data_prediction", "noise_prediction"}
		if c.Class == "DPMSolverSinglestepScheduler" {
			algorithms = slices.Delete(algorithms, 3, 4)
		}
		err = errors.Join(oneOf("algorithm_type", c.AlgorithmType, algorithms...), oneOf("solver_type", c.SolverType, solverTypes...))
		noise := c.AlgorithmType == "dpmsolver" || c.AlgorithmType == "sde-dpmsolver"
		switch {
		case err != nil:
		case c.SolverOrder == 3 && c.AlgorithmType == "sde-dpmsolver":
			err = bad("solver_order", c.SolverOrder, "1 or 2 with algorithm_type sde-dpmsolver")
		case noise && c.FinalSigmasType == "zero":
			err = bad("final_sigmas_type", `"zero"`, `"sigma_min" with algorithm_type `+c.AlgorithmType)
		case learned:
			err = bad("variance_type", fmt.Sprintf("%q", *c.VarianceType), "null: learned variances are not implemented")
		}
	case "DEISMultistepScheduler":
		err = errors.Join(oneOf("algorithm_type", c.AlgorithmType, "deis", "dpmsolver", "dpmsolver++", "data_prediction", "noise_prediction"), oneOf("solver_type", c.SolverType, solverTypes...))
	case "SASolverScheduler":
		err = oneOf("algorithm_type", c.AlgorithmType, "data_prediction", "noise_prediction", "dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver", "deis")
		switch {
		case err != nil:
		case c.PredictorOrder < 1 || c.PredictorOrder > 4:
			err = bad("predictor_order", c.PredictorOrder, "1 to 4")
		case c.CorrectorOrder < 1 || c.CorrectorOrder > 4:
			err = bad("corrector_order", c.CorrectorOrder, "1 to 4")
		case len(c.TauFunc) > 0 && string(c.TauFunc) != "null":
			err = bad("tau_func", string(c.TauFunc), "null: a function cannot be read from a file")
		case c.Thresholding && c.AlgorithmType == "noise_prediction":
			err = bad("thresholding", true, "false with algorithm_type noise_prediction")
		case learned:
			err = bad("variance_type", fmt.Sprintf("%q", *c.VarianceType), "null: learned variances are not implemented")
		}
	case "UniPCMultistepScheduler":
		err = oneOf("solver_type", c.SolverType, solverTypes...)
		switch {
		case err != nil:
		case c.ShiftTerminal != nil:
			err = bad("shift_terminal", *c.ShiftTerminal, "null without use_flow_sigmas")
		case len(c.SolverP) > 0 && string(c.SolverP) != "null":
			err = bad("solver_p", string(c.SolverP), "null: another scheduler as predictor is not implemented")
		}
	case "FlowMatchEulerDiscreteScheduler":
		if t := c.ShiftTerminal; t != nil && !(*t > 0 && *t < 1) {
			err = bad("shift_terminal", *t, "a number between 0 and 1, or null")
		}
	case "DDPMScheduler":
		if c.VarianceType != nil { // null, which the solvers' files have, is fixed_small
			err = oneOf("variance_type", *c.VarianceType, "fixed_small", "fixed_small_log", "fixed_large")
		}
	}
	return err
}

// solverTypes are the values of solver_type of all classes.
var solverTypes = []string{"midpoint", "heun", "logrho", "bh1", "bh2"}

// curveFlags lists the use_*_sigmas keys that are on.
func (c *Config) curveFlags() []string {
	var on []string
	for _, flag := range []struct {
		key string
		on  bool
	}{
		{"use_karras_sigmas", c.UseKarrasSigmas},
		{"use_exponential_sigmas", c.UseExponentialSigmas},
		{"use_beta_sigmas", c.UseBetaSigmas},
		{"use_lu_lambdas", c.UseLuLambdas},
	} {
		if flag.on {
			on = append(on, flag.key)
		}
	}
	return on
}
