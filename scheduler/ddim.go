package scheduler

import (
	"fmt"
	"slices"
)

var _ = register(class{
	name:        "DDIMScheduler",
	aliases:     []string{"DDIMParallelScheduler"},
	defaults:    trained + threshold + `, "clip_sample": true` + clipping + `, "set_alpha_to_one": true` + leading + zeroSNR,
	form:        variancePreserving,
	exact:       true,
	predictions: anyPrediction,
	levels:      strideSchedule,
})

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
		to = append(to, c.strideEnd(t, int(timestep), c.NumTrainTimesteps/steps))
	}
	s.Sigmas = append(s.Sigmas, to[steps-1])
	if !slices.Equal(to, s.Sigmas[1:]) {
		s.Solver.From, s.Solver.To = slices.Clone(s.Sigmas[:steps]), to
	}
	return s, nil
}

// strideEnd is the level one stride below a timestep.
func (c *Config) strideEnd(t *table, timestep, stride int) float64 {
	if next := timestep - stride; next >= 0 {
		return t.sigmas[next]
	}
	if c.SetAlphaToOne {
		return 0
	}
	return t.sigmas[0]
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
