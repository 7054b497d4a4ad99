package scheduler

import "math"

// Sigma returns the noise level at the model's time, the inverse of
// [Schedule.Timestep]: that of the schedule where the time is one of its timesteps,
// else by interpolation between the training levels, linear in log σ. A time beyond the
// training levels has the level at their end.
func (s *Schedule) Sigma(timestep float64) float64 {
	if s == nil || math.IsNaN(timestep) {
		return math.NaN()
	}
	for i, t := range s.Timesteps[:min(len(s.Timesteps), len(s.Sigmas))] {
		if t == timestep {
			return s.Sigmas[i]
		}
	}
	switch {
	case s.continuous:
		return math.Exp(4 * timestep)
	case s.Flow:
		if timestep >= s.train {
			return noSignal
		}
		return max(timestep, 0) / (s.train - timestep)
	case s.table == nil:
		return math.NaN()
	}
	return s.table.logSigma(timestep)
}
