package noise_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/sampler/noise"
)

// The noise of k-diffusion's Brownian tree, at the levels at which the reference
// asked for it.
func TestBrownian(t *testing.T) {
	var cases []struct {
		Label string `json:"label"`
		Calls any    `json:"noise_calls"`
	}
	golden.JSON(t, "../testdata/kdiffusion.json.gz", &cases)
	tensors := golden.Tensors(t, "../testdata/kdiffusion.safetensors")
	const seed, n = 557, 2 * 4 * 6 * 5
	checked := 0
	for _, c := range cases {
		calls, ok := c.Calls.([]any)
		if !ok || !strings.Contains(c.Label, "sde") {
			continue
		}
		sigmas := tensors[c.Label+".sigmas"].Values
		path, err := noise.NewBrownian(seed, sigmas[len(sigmas)-2], sigmas[0])
		require.NoError(t, err)
		noise := tensors[c.Label+".noise"]
		for i, call := range calls {
			levels := call.([]any)
			have := make([]float32, n)
			path.Noise(have, levels[0].(float64), levels[1].(float64))
			want := noise.Row(i)
			for j, w := range want { // the reference adds increments in float32
				assert.InDelta(t, w, have[j], 1e-5, "%s: call %d, value %d", c.Label, i, j)
			}
			checked++
		}
	}
	assert.Greater(t, checked, 40)
}

// Increments add up, whatever the order of the questions, and have the right
// variance.
func TestBrownianPath(t *testing.T) {
	const n = 4096
	path, err := noise.NewBrownian(3, 0.03, 14.6)
	require.NoError(t, err)
	increment := func(from, to float64) []float64 {
		x := make([]float32, n)
		path.Noise(x, from, to)
		y := make([]float64, n)
		for i, v := range x {
			y[i] = float64(v) * math.Sqrt(math.Abs(to-from))
		}
		return y
	}
	whole, first, second := increment(9, 1), increment(9, 4), increment(4, 1)
	square := 0.0
	for i := range whole {
		require.InDelta(t, whole[i], first[i]+second[i], 1e-5)
		square += whole[i] * whole[i] / 8
	}
	assert.InDelta(t, 1, square/n, 4*math.Sqrt(2./n))

	for _, bad := range [][2]float64{{3, 3}, {-1, 2}, {1, math.Inf(1)}, {math.NaN(), 1}} {
		_, err := noise.NewBrownian(1, bad[0], bad[1])
		assert.Error(t, err)
	}
}
