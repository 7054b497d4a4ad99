package scheduler_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/scheduler"
)

// Trailing strides of the whole range are fewer in one that lambda_min_clipped cuts.
func TestClippedTrailing(t *testing.T) {
	for _, tt := range []struct {
		lambda float64
		steps  int
		want   []float64 // of diffusers
	}{
		{-2, 16, []float64{628, 565, 503, 441, 378, 315, 253, 191, 128, 65, 3}},
		{4, 10, []float64{1}},
		{-5.1, 3, []float64{999, 666, 332}},
	} {
		c := parse(t, fmt.Sprintf(`{"_class_name": "DPMSolverMultistepScheduler", "timestep_spacing": "trailing", "lambda_min_clipped": %g}`, tt.lambda))
		s, err := c.Schedule(tt.steps)
		require.NoError(t, err)
		assert.Equal(t, tt.want, s.Timesteps)
		assert.Len(t, s.Sigmas, len(tt.want)+1)
		tail, err := s.Tail(0.5) // of the 16 steps asked for, 8 are left, and so on
		if len(tt.want) <= tt.steps/2 {
			assert.ErrorContains(t, err, "leaves no step")
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, tt.want[(tt.steps+1)/2:], tail.Timesteps)
	}
}

func TestTail(t *testing.T) {
	ddim, err := parse(t, sd15).As("DDIMScheduler")
	require.NoError(t, err)
	full, err := ddim.Schedule(10)
	require.NoError(t, err)
	for _, tt := range []struct {
		strength float64
		steps    int
	}{{1, 10}, {0.8, 8}, {0.35, 3}, {0.3, 3}, {0.1, 1}} {
		tail, err := full.Tail(tt.strength)
		require.NoError(t, err)
		assert.Equal(t, full.Timesteps[10-tt.steps:], tail.Timesteps)
		assert.Equal(t, full.Sigmas[10-tt.steps:], tail.Sigmas)
		assert.InEpsilon(t, math.Sqrt(1+tail.Sigmas[0]*tail.Sigmas[0]), tail.InitNoiseSigma, 1e-12)
	}
	for _, strength := range []float64{0, -1, 1.01, math.NaN()} {
		_, err := full.Tail(strength)
		assert.ErrorContains(t, err, "want more than 0 and at most 1")
	}
	for _, class := range scheduler.Classes() {
		if class == "PNDMScheduler" {
			continue // TestPNDMTail
		}
		own, err := parse(t, sd15).As(class)
		require.NoError(t, err)
		full, err := own.Schedule(10)
		require.NoError(t, err)
		_, err = full.Tail(0.05)
		assert.ErrorContains(t, err, "leaves no step to run", class)
	}
}

func TestDiscardPenultimate(t *testing.T) {
	c, err := parse(t, sd15).As("KDPM2DiscreteScheduler")
	require.NoError(t, err)
	full, err := c.Schedule(6)
	require.NoError(t, err)
	short, err := full.DiscardPenultimate()
	require.NoError(t, err)
	assert.Equal(t, full.Timesteps[:5], short.Timesteps)
	assert.Equal(t, []float64{full.Sigmas[4], 0}, short.Sigmas[4:])
	one, err := c.Schedule(1)
	require.NoError(t, err)
	_, err = one.DiscardPenultimate()
	assert.ErrorContains(t, err, "want at least 2")
}

// PNDM visits its second level twice, and loses that in image-to-image.
func TestPNDMTail(t *testing.T) {
	full, err := parse(t, sd15).Schedule(10)
	require.NoError(t, err)
	assert.Equal(t, []float64{901, 801, 801, 701, 601, 501, 401, 301, 201, 101, 1}, full.Timesteps)
	assert.Nil(t, full.Solver.From, "leading: the steps join")
	tail, err := full.Tail(0.8)
	require.NoError(t, err)
	assert.Equal(t, []float64{801, 701, 601, 501, 401, 301, 201, 101, 1}, tail.Timesteps)
	tail, err = full.Tail(1)
	require.NoError(t, err)
	assert.Equal(t, full.Timesteps, tail.Timesteps)

	// a tail that begins with the doubled level repeats its first step from one
	// stride above it, as diffusers does
	tail, err = full.Tail(0.9)
	require.NoError(t, err)
	assert.Equal(t, []float64{801, 801, 701}, tail.Timesteps[:3])
	require.NotNil(t, tail.Solver.From)
	assert.Equal(t, []float64{tail.Sigmas[0], full.Sigmas[0]}, tail.Solver.From[:2])
	assert.Equal(t, []float64{tail.Sigmas[2], tail.Sigmas[0]}, tail.Solver.To[:2])

	// the last call is left when no step is
	tail, err = full.Tail(0.05)
	require.NoError(t, err)
	assert.Equal(t, []float64{1}, tail.Timesteps)
	assert.Equal(t, full.Sigmas[10:], tail.Sigmas)
	assert.Zero(t, tail.Steps())
	one, err := parse(t, sd15).Schedule(1)
	require.NoError(t, err)
	_, err = one.Tail(0.5)
	assert.ErrorContains(t, err, "leaves no step to run", "one step is one call")
}
