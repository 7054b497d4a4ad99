package sampler_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

func TestPhilox(t *testing.T) {
	tensors := readTensors(t, "testdata/rng.safetensors")
	checked := 0
	for name, want := range tensors {
		var seed uint64
		var offset int
		if n, _ := fmt.Sscanf(name, "philox_randn.%d.offset%d", &seed, &offset); n != 2 {
			continue
		}
		checked++
		g := sampler.NewPhilox(seed)
		have := make([]float32, len(want.values))
		for range offset + 1 {
			g.Normal(have)
		}
		for i, w := range want.values {
			assert.InDelta(t, w, have[i], normalTolerance, "%s: number %d", name, i)
		}
	}
	assert.Equal(t, 15, checked)
}

// An image's noise is its own, whatever the batch.
func TestCounter(t *testing.T) {
	batch := sampler.NewCounter(7, 8, 9)
	alone := sampler.NewCounter(8)
	for range 3 {
		x, y := make([]float32, 3*37), make([]float32, 37)
		batch.Normal(x)
		alone.Normal(y)
		assert.Equal(t, y, x[37:2*37])
	}
	first, second := make([]float32, 1<<16), make([]float32, 1<<16)
	g := sampler.NewCounter(1)
	g.Normal(first)
	g.Normal(second)
	var mean, square, cross float64
	for i, v := range first {
		mean += float64(v)
		square += float64(v) * float64(v)
		cross += float64(v) * float64(second[i])
	}
	n := float64(len(first))
	assert.InDelta(t, 0, mean/n, 4/math.Sqrt(n))
	assert.InDelta(t, 1, square/n, 4*math.Sqrt(2/n))
	assert.InDelta(t, 0, cross/n, 4/math.Sqrt(n), "draws are independent")
}

func TestPerImage(t *testing.T) {
	x, want := make([]float32, 40), make([]float32, 20)
	sampler.PerImage(sampler.NewTorch(1).Normal, sampler.NewTorch(2).Normal)(x)
	sampler.NewTorch(2).Normal(want)
	assert.Equal(t, want, x[20:])
	assert.Nil(t, sampler.PerImage())
}

// The noise of k-diffusion's Brownian tree, at the levels at which the reference
// asked for it.
func TestBrownian(t *testing.T) {
	var cases []struct {
		Label string `json:"label"`
		Calls any    `json:"noise_calls"`
	}
	readJSON(t, "testdata/kdiffusion.json.gz", &cases)
	tensors := readTensors(t, "testdata/kdiffusion.safetensors")
	const seed, n = 557, 2 * 4 * 6 * 5
	checked := 0
	for _, c := range cases {
		calls, ok := c.Calls.([]any)
		if !ok || !strings.Contains(c.Label, "sde") {
			continue
		}
		sigmas := tensors[c.Label+".sigmas"].values
		path, err := sampler.NewBrownian(seed, sigmas[len(sigmas)-2], sigmas[0])
		require.NoError(t, err)
		noise := tensors[c.Label+".noise"]
		for i, call := range calls {
			levels := call.([]any)
			have := make([]float32, n)
			path.Noise(have, levels[0].(float64), levels[1].(float64))
			want := noise.row(i)
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
	path, err := sampler.NewBrownian(3, 0.03, 14.6)
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
		_, err := sampler.NewBrownian(1, bad[0], bad[1])
		assert.Error(t, err)
	}
}

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
