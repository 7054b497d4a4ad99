package scheduler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/scheduler"
)

// Sigma is the inverse of Timestep, at the schedule's levels and between them.
func TestSigma(t *testing.T) {
	const rounding = 2e-6 // of float32, which the training levels are kept in, relative
	for _, class := range []string{"EulerDiscreteScheduler", "DDIMScheduler", "DPMSolverMultistepScheduler", "EDMEulerScheduler", "FlowMatchEulerDiscreteScheduler"} {
		t.Run(class, func(t *testing.T) {
			c, err := scheduler.ParseClass(class, []byte(`{"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}`))
			require.NoError(t, err)
			s, err := c.Schedule(10)
			require.NoError(t, err)
			for i, timestep := range s.Timesteps {
				assert.Equal(t, s.Sigmas[i], s.Sigma(timestep), "a level of the schedule")
			}
			for i := range len(s.Sigmas) - 2 {
				sigma := math.Sqrt(s.Sigmas[i] * s.Sigmas[i+1])
				assert.InEpsilon(t, sigma, s.Sigma(s.Timestep(sigma)), rounding, "between levels %d and %d", i, i+1)
			}
			for _, beyond := range []float64{-1, 1e9, math.Inf(1), math.Inf(-1)} {
				assert.False(t, math.IsNaN(s.Sigma(beyond)), "%g", beyond)
			}
			assert.True(t, math.IsNaN(s.Sigma(math.NaN())))
		})
	}
	var none *scheduler.Schedule
	assert.True(t, math.IsNaN(none.Sigma(1)))
}
