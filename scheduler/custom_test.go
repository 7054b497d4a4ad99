package scheduler

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCustom(t *testing.T) {
	c := stableDiffusion(t, "EulerDiscreteScheduler")
	s, err := c.Custom([]float64{10, 3, 0.5, 0})
	require.NoError(t, err)
	assert.Equal(t, []float64{10, 3, 0.5, 0}, s.Sigmas)
	assert.InDelta(t, 169.3146, s.Timesteps[2], 1e-3)
	for _, bad := range []struct {
		sigmas []float64
		want   string
	}{
		{nil, "have 0, want 2 to 10001"},
		{[]float64{1}, "have 1, want 2 to 10001"},
		{make([]float64, 10_000_000), "have 10000000, want 2 to 10001"},
		{[]float64{0.1, 1, 10}, "number 1 is 1 after 0.1, want levels that decrease"},
		{[]float64{1, 2, 0}, "number 1 is 2 after 1, want levels that decrease"},
		{[]float64{2, 2, 0}, "number 1 is 2 after 2, want levels that decrease"},
		{[]float64{2, 2 - 1e-12, 0}, "want levels that decrease"}, // in float32
		{[]float64{1, -1}, "number 1 is -1, want finite levels above zero"},
		{[]float64{math.NaN(), 1}, "number 0 is NaN, want finite"},
		{[]float64{3, 2, math.NaN()}, "number 2 is NaN, want finite"},
		{[]float64{math.Inf(1), 1}, "number 0 is +Inf, want finite"},
		{[]float64{1e300, 1}, "number 0 is 1e+300, want finite"},
		{[]float64{1, -1e-300}, "number 1 is -1e-300, want finite"},
		{[]float64{0, 0}, "number 0 is 0, want finite levels above zero"},
		{[]float64{1, 0, 0}, "number 1 is 0, want finite levels above zero"},
	} {
		_, err := c.Custom(bad.sigmas)
		assert.ErrorContains(t, err, "scheduler: sigmas: ")
		assert.ErrorContains(t, err, bad.want)
	}
	s, err = stableDiffusion(t, "PNDMScheduler").Custom([]float64{10, 3, 0.5, 0})
	require.NoError(t, err)
	assert.Equal(t, []float64{10, 3, 3, 0.5, 0}, s.Sigmas, "PLMS visits its second level twice")
}

// Classes without training levels take a caller's own levels and their own curves.
func TestNamedWithoutTrainingLevels(t *testing.T) {
	for class, timestep := range map[string]float64{"EDMEulerScheduler": 0.25 * math.Log(3), "FlowMatchEulerDiscreteScheduler": 750} {
		c, err := NewConfig(class)
		require.NoError(t, err)
		_, err = c.ScheduleNamed("normal", 4)
		assert.ErrorContains(t, err, "no training levels")
		s, err := c.Custom([]float64{10, 3, 0})
		require.NoError(t, err)
		assert.InDelta(t, timestep, s.Timesteps[1], 1e-6)
		assert.InDelta(t, timestep, s.Timestep(3.0000001), 1e-4)
	}
	c, err := NewConfig("FlowMatchEulerDiscreteScheduler")
	require.NoError(t, err)
	s, err := c.ScheduleNamed("karras", 5)
	require.NoError(t, err)
	assert.InDelta(t, 303.02438, s.Timesteps[1], 1e-3)
	tail, err := s.Tail(0.5)
	require.NoError(t, err)
	assert.Equal(t, 1+tail.Sigmas[0], tail.InitNoiseSigma)
}
