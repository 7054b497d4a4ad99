package scheduler

import (
	"fmt"
	"slices"
)

// strideSchedule is DDIMScheduler's: whole timesteps, each step going
// num_train_timesteps/steps (rounded down) further, the last to the end.
func strideSchedule(c *Config, t *table, steps int) (*Schedule, error) {
	ts, err := c.spacedTimesteps(steps, true)
	if err != nil {
		return nil, err
	}
	if err := c.checkTimesteps(ts); err != nil {
		return nil, err
	}
	s := &Schedule{Timesteps: ts}
	var to []float64
	for _, timestep := range ts {
		s.Sigmas = append(s.Sigmas, t.sigmas[int(timestep)])
		to = append(to, c.strideEnd(t, int(timestep), steps))
	}
	s.Sigmas = append(s.Sigmas, to[steps-1])
	if !slices.Equal(to, s.Sigmas[1:]) {
		s.Solver.From, s.Solver.To = slices.Clone(s.Sigmas[:steps]), to
	}
	return s, nil
}

// strideEnd is the level one stride below a timestep.
func (c *Config) strideEnd(t *table, timestep, steps int) float64 {
	if next := timestep - c.NumTrainTimesteps/steps; next >= 0 {
		return t.sigmas[next]
	}
	if c.SetAlphaToOne {
		return 0
	}
	return t.sigmas[0]
}

// pndmSchedule is PNDMScheduler's with skip_prk_steps: as DDIM's, with the second
// level twice. Its second call corrects the first step, from one stride above the
// level it is made at.
func pndmSchedule(c *Config, t *table, steps int) (*Schedule, error) {
	if !c.SkipPRKSteps {
		return nil, fmt.Errorf("scheduler: PNDMScheduler: skip_prk_steps: have false, want true: Runge-Kutta steps are not implemented")
	}
	ts, err := c.spacedTimesteps(steps, true)
	if err != nil {
		return nil, err
	}
	if steps > 1 {
		ts = slices.Insert(ts, 1, ts[1])
	}
	if err := c.checkTimesteps(ts); err != nil {
		return nil, err
	}
	s := &Schedule{Timesteps: ts}
	var from, to []float64
	for i, timestep := range ts {
		level := t.sigmas[int(timestep)]
		s.Sigmas = append(s.Sigmas, level)
		if i == 1 {
			above := int(timestep) + c.NumTrainTimesteps/steps
			if above >= len(t.sigmas) {
				return nil, fmt.Errorf("scheduler: PNDMScheduler: the second of %d %s steps starts at timestep %d, want at most %d",
					steps, c.TimestepSpacing, above, len(t.sigmas)-1)
			}
			from, to = append(from, t.sigmas[above]), append(to, level)
		} else {
			from, to = append(from, level), append(to, c.strideEnd(t, int(timestep), steps))
		}
	}
	s.Sigmas = append(s.Sigmas, to[len(to)-1])

	plain := slices.Equal(to, s.Sigmas[1:])
	if len(ts) > 1 { // the second call, made at the first step's end, starts where that started
		plain = to[0] == s.Sigmas[1] && from[1] == s.Sigmas[0] && slices.Equal(to[2:], s.Sigmas[3:])
	}
	if !plain {
		s.Solver.From, s.Solver.To = from, to
	}
	return s, nil
}

// checkTimesteps refuses a timestep that the model was not trained for: a large
// steps_offset gives one.
func (c *Config) checkTimesteps(ts []float64) error {
	for _, timestep := range ts {
		if timestep < 0 || timestep >= float64(c.NumTrainTimesteps) {
			return fmt.Errorf("scheduler: %s: %d %s steps with steps_offset %d reach timestep %g, want 0 to %d",
				c.Class, len(ts), c.TimestepSpacing, c.StepsOffset, timestep, c.NumTrainTimesteps-1)
		}
	}
	return nil
}
