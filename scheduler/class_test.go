package scheduler

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A class is its entry alone: config, levels and solver are read from there.
func TestClassIsOneEntry(t *testing.T) {
	t.Cleanup(func() {
		delete(classes, "HalvingScheduler")
		delete(sameClasses, "HalvesScheduler")
	})
	register(class{
		name:        "HalvingScheduler",
		aliases:     []string{"HalvesScheduler"},
		defaults:    trained + `, "solver_order": 3` + linspaced,
		predictions: epsOrV,
		check: func(c *Config, k *checker) {
			if c.SolverOrder == 2 {
				k.bad("solver_order", 2, "1 or 3")
			}
		},
		levels: func(_ *Config, t *table, steps int) (*Schedule, error) {
			s := &Schedule{Sigmas: []float64{t.max()}}
			for i := range steps {
				s.Sigmas = append(s.Sigmas, s.Sigmas[i]/2)
				s.Timesteps = append(s.Timesteps, t.timestep(s.Sigmas[i]))
			}
			return s, nil
		},
		complete: func(_ *Config, s *Solver, t *table) { s.Levels = t.sigmas },
	})

	assert.Contains(t, Classes(), "HalvingScheduler")
	c, err := ParseConfig([]byte(`{"_class_name": "FlaxHalvesScheduler", "steps_offset": 3}`))
	require.NoError(t, err)
	assert.Equal(t, "HalvingScheduler", c.Class)
	assert.Contains(t, c.Keys(), "solver_order")
	s, err := c.Schedule(2)
	require.NoError(t, err)
	assert.Equal(t, s.Sigmas[0]/4, s.Sigmas[2])
	assert.Equal(t, 999.0, s.Timesteps[0])
	assert.Equal(t, "HalvingScheduler", s.Solver.Class)
	assert.Equal(t, 3, s.Solver.Order)
	assert.Len(t, s.Solver.Levels, 1000)

	moved, err := c.As("EulerDiscreteScheduler")
	require.NoError(t, err)
	assert.Equal(t, 3, moved.StepsOffset)
	c.SolverOrder = 2
	_, err = c.Schedule(2)
	assert.EqualError(t, err, "scheduler: HalvingScheduler: solver_order: have 2, want 1 or 3")
	_, err = ParseConfig([]byte(`{"_class_name": "HalvingScheduler", "prediction_type": "sample"}`))
	assert.ErrorContains(t, err, `prediction_type: have "sample", want one of epsilon, v_prediction`)
}
