package sampler_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// With a path, runs of different step counts from one seed end near each other;
// with fresh noise they do not.
func TestPathNoise(t *testing.T) {
	const n = 256
	run := func(s sampler.Sampler, steps int) []float32 {
		x := make([]float32, n)
		noise := sampler.NewTorch(4).Normal
		noise(x)
		for i := range x {
			x[i] *= 14.6
		}
		require.NoError(t, s.Sample(context.Background(), gaussian, x, logLevels(14.6, 0.03, steps), noise))
		return x
	}
	distance := func(s sampler.Sampler) float64 {
		a, b, sum := run(s, 60), run(s, 90), 0.0
		for i := range a {
			sum += float64((a[i] - b[i]) * (a[i] - b[i]))
		}
		return math.Sqrt(sum / n)
	}
	path, err := sampler.NewBrownian(1, 0.03, 14.6)
	require.NoError(t, err)
	for name, pair := range map[string][2]sampler.Sampler{
		"dpmpp_sde":    {sampler.DPMPPSDE{}, sampler.DPMPPSDE{Path: path.Noise}},
		"dpmpp_2m_sde": {sampler.DPMPP2MSDE{}, sampler.DPMPP2MSDE{Path: path.Noise}},
		"dpmpp_3m_sde": {sampler.DPMPP3MSDE{}, sampler.DPMPP3MSDE{Path: path.Noise}},
	} {
		assert.Less(t, distance(pair[1]), 0.3*distance(pair[0]), name)
	}
}
