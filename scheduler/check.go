package scheduler

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
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
	class, ok := classes[c.Class]
	if !ok {
		return fmt.Errorf("scheduler: _class_name: have %q, want one of %s", c.Class, strings.Join(Classes(), ", "))
	}
	if err := c.checkTrained(); err != nil {
		return err
	}
	k := &checker{class: class}
	c.checkValues(k)
	c.checkCurves(k)
	c.checkSolver(k)
	if class.check != nil {
		class.check(c, k)
	}
	return k.err
}

// checker keeps the first error in the values of a config.
type checker struct {
	class class
	err   error
}

// bad says that a key has a value that is not wanted.
func (k *checker) bad(key string, have any, want string) {
	if k.err == nil {
		k.err = fmt.Errorf("scheduler: %s: %s: have %v, want %s", k.class.name, key, have, want)
	}
}

// oneOf wants one of some names, if the class has the key.
func (k *checker) oneOf(key, have string, want ...string) {
	if k.class.has(key) && !slices.Contains(want, have) {
		k.bad(key, fmt.Sprintf("%q", have), "one of "+strings.Join(want, ", "))
	}
}

// between wants a number from low to high, if the class has the key.
func (k *checker) between(key string, have, low, high float64) {
	if k.class.has(key) && !(have >= low && have <= high) {
		k.bad(key, have, fmt.Sprintf("a number from %g to %g", low, high))
	}
}

// off wants false, if only by want of an implementation.
func (k *checker) off(key string, have bool) {
	if have {
		k.bad(key, have, "false: it is not implemented")
	}
}

// null wants nothing in a key that holds any JSON.
func (k *checker) null(key string, have []byte, why string) {
	if len(have) > 0 && string(have) != "null" {
		k.bad(key, string(have), "null: "+why)
	}
}

// notLearned refuses learned variances. Those of a DDPM, to which the key belongs, mean
// nothing to other classes.
func (k *checker) notLearned(variance *string) {
	if variance != nil && strings.HasPrefix(*variance, "learned") {
		k.bad("variance_type", fmt.Sprintf("%q", *variance), "null: learned variances are not implemented")
	}
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

// checkValues checks each key that means the same in every class that has it.
func (c *Config) checkValues(k *checker) {
	k.between("beta_start", c.BetaStart, 0, 1)
	k.between("beta_end", c.BetaEnd, 0, 1)
	k.oneOf("beta_schedule", c.BetaSchedule, betaSchedules...)
	k.oneOf("prediction_type", c.PredictionType, k.class.predictions...)
	k.oneOf("timestep_spacing", c.TimestepSpacing, "linspace", "leading", "trailing")
	k.between("steps_offset", float64(c.StepsOffset), 0, float64(c.NumTrainTimesteps))
	k.oneOf("final_sigmas_type", c.FinalSigmasType, "zero", "sigma_min")
	k.oneOf("sigma_schedule", c.SigmaSchedule, "karras", "exponential")
	k.between("rho", c.Rho, 0.1, 1000)
	k.between("sigma_data", c.SigmaData, math.SmallestNonzeroFloat64, math.MaxFloat32)
	k.oneOf("interpolation_type", c.InterpolationType, "linear", "log_linear")
	k.oneOf("timestep_type", c.TimestepType, "discrete", "continuous")
	k.between("clip_sample_range", c.ClipSampleRange, math.SmallestNonzeroFloat64, math.MaxFloat32)
	k.between("dynamic_thresholding_ratio", c.DynamicThresholdingRatio, 0, 1)
	k.between("sample_max_value", c.SampleMaxValue, 1, math.MaxFloat32)
	k.off("use_flow_sigmas", c.UseFlowSigmas)
	k.off("use_dynamic_shifting", c.UseDynamicShifting)
	k.off("invert_sigmas", c.InvertSigmas)
	k.between("shift", c.Shift, 1e-3, 1e3)
}

// checkCurves checks the curves and the levels that they lie between.
func (c *Config) checkCurves(k *checker) {
	if given := c.curveFlags(); len(given) > 1 && k.err == nil {
		k.err = fmt.Errorf("scheduler: %s: have %s, want at most one of them", c.Class, strings.Join(given, " and "))
	}
	end := func(key string, sigma *float64) {
		if k.class.has(key) && sigma != nil && !(*sigma > 0 && *sigma <= math.MaxFloat32) {
			k.bad(key, *sigma, "a positive number")
		}
	}
	end("sigma_min", c.SigmaMin)
	end("sigma_max", c.SigmaMax)
}

// checkSolver checks the keys by which classes choose among solvers.
func (c *Config) checkSolver(k *checker) {
	if k.class.has("solver_order") && (c.SolverOrder < 1 || c.SolverOrder > 3) {
		k.bad("solver_order", c.SolverOrder, "1, 2 or 3")
	}
	k.oneOf("algorithm_type", c.AlgorithmType, slices.Concat(k.class.algorithms, k.class.foreign)...)
	k.oneOf("solver_type", c.SolverType, solverTypes...)
}

// solverTypes are the values of solver_type of all classes.
var solverTypes = []string{"midpoint", "heun", "logrho", "bh1", "bh2"}
