package scheduler

import (
	"fmt"
	"math"
)

// spacedTimesteps chooses the steps timesteps of a run, in descending order, by
// timestep_spacing. For T training timesteps and n steps:
//
//	linspace  from T−1 to 0, both included
//	leading   every (T/n, rounded down)-th from 0 up, plus steps_offset
//	trailing  every (T/n)-th from T−1 down
//
// These are the three spacings of Lin et al. (2024), table 2. The arithmetic is
// numpy's, with halves rounded to even. round says whether linspace gives whole
// numbers.
//
// Where numpy.arange yields one number more than asked for by a rounding error
// (trailing with 61 steps of 1000, for one, whose last timestep is −1), we leave
// that number out.
//
// https://arxiv.org/abs/2305.08891
func (c *Config) spacedTimesteps(steps int, round bool) ([]float64, error) {
	train := float64(c.NumTrainTimesteps)
	ts := make([]float64, steps)
	switch c.TimestepSpacing {
	case "linspace":
		for i := range ts {
			ts[steps-1-i] = evenly(0, train-1, i, steps)
		}
		if round {
			roundAll(ts)
		} else {
			for i, t := range ts {
				ts[i] = f32(t)
			}
		}
	case "leading":
		ratio := c.NumTrainTimesteps / steps
		for i := range ts {
			ts[steps-1-i] = float64(i*ratio + c.StepsOffset)
		}
	case "trailing":
		trailing(ts, train, train/float64(steps))
	default:
		return nil, fmt.Errorf("scheduler: timestep_spacing: have %q, want one of linspace, leading, trailing", c.TimestepSpacing)
	}
	return ts, nil
}

// multistepTimesteps is [Config.spacedTimesteps] for the multistep solvers, which
// divide the range up to last into one interval more and drop its end. There are
// fewer than steps of them for trailing where last is not the training's.
func (c *Config) multistepTimesteps(steps, last int) ([]float64, error) {
	ts := make([]float64, steps)
	switch c.TimestepSpacing {
	case "linspace", "": // DPMSolverSinglestepScheduler has no such key
		for i := range ts {
			ts[steps-1-i] = evenly(0, float64(last-1), i+1, steps+1)
		}
		roundAll(ts)
	case "leading":
		ratio := last / (steps + 1)
		for i := range ts {
			ts[steps-1-i] = float64((i+1)*ratio + c.StepsOffset)
		}
	case "trailing": // strides of the whole range, fewer of which fit into a clipped one
		stride := float64(c.NumTrainTimesteps) / float64(steps)
		ts = ts[:min(int(math.Ceil(float64(last)/stride)), steps)]
		trailing(ts, float64(last), stride)
	default:
		return nil, fmt.Errorf("scheduler: timestep_spacing: have %q, want one of linspace, leading, trailing", c.TimestepSpacing)
	}
	return ts, nil
}

// evenly is entry i of numpy.linspace(start, stop, n).
func evenly(start, stop float64, i, n int) float64 {
	if i == n-1 && n > 1 {
		return stop
	}
	if n == 1 {
		return start
	}
	return start + float64(float64(i)*((stop-start)/float64(n-1)))
}

// trailing fills ts with numpy.arange(from, 0, −stride), rounded, less one.
func trailing(ts []float64, from, stride float64) {
	delta := (from - stride) - from // numpy takes the difference of the first two
	for i := range ts {
		ts[i] = math.RoundToEven(from+float64(float64(i)*delta)) - 1
	}
}

func roundAll(ts []float64) {
	for i, t := range ts {
		ts[i] = math.RoundToEven(t)
	}
}
