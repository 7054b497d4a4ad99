package noise_test

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/sampler/noise"
)

// normalTolerance allows for the vectorised float32 logarithm, sine and cosine
// that torch uses on x86.
const normalTolerance = 2e-6

// Every number of torch's CPU generator that the reference recorded.
func TestTorch(t *testing.T) {
	tensors := golden.Tensors(t, "testdata/rng.safetensors")
	checked := 0
	for name, want := range tensors {
		kind, rest, _ := strings.Cut(name, ".")
		if strings.HasPrefix(kind, "philox") {
			continue
		}
		seedText, _, _ := strings.Cut(rest, ".")
		if strings.HasPrefix(kind, "sequence") {
			seedText = rest
		}
		seed, err := strconv.ParseUint(seedText, 10, 64)
		require.NoError(t, err, name)
		checked++
		t.Run(name, func(t *testing.T) {
			have, tolerance := drawn(t, noise.NewTorch(seed), name, len(want.Values))
			for i := range have {
				assert.InDelta(t, want.Values[i], have[i], tolerance, "number %d", i)
			}
		})
	}
	assert.Greater(t, checked, 100)
}

// drawn returns what a generator gives for the n numbers of a name in the reference, and
// how near they come.
func drawn(t *testing.T, g *noise.Torch, name string, n int) (have []float64, tolerance float64) {
	kind, _, _ := strings.Cut(name, ".")
	have = make([]float64, n)
	normal := func(n int) []float64 {
		x := make([]float32, n)
		g.Normal(x)
		return widen(x)
	}
	switch kind {
	case "randn", "randn_1x4x5x5":
		tolerance = normalTolerance
		if strings.HasSuffix(name, ".ends") {
			all := normal(16384)
			have = slices.Concat(all[:256], all[16384-256:])
		} else {
			have = normal(n)
		}
	case "sequence_a_3", "sequence_b_20", "sequence_c_1", "sequence_d_1", "sequence_e_16":
		tolerance = normalTolerance // draws that follow each other
		for _, draw := range []struct {
			letter string
			n      int
		}{{"a", 3}, {"b", 20}, {"c", 1}, {"d", 1}, {"e", 16}} {
			if have = normal(draw.n); strings.HasPrefix(kind, "sequence_"+draw.letter) {
				break
			}
		}
	case "randn_f64":
		tolerance = 1e-14
		g.Normal64(have)
	case "randn_f16":
		tolerance = 1. / 1024 // an error of 1e-7 may round the other way
		x := make([]float32, n)
		g.NormalF16(x)
		have = widen(x)
	case "rand":
		for i := range have {
			have[i] = float64(g.Float32())
		}
	case "randint1000":
		for i := range have {
			have[i] = float64(g.IntN(1000))
		}
	case "randperm":
		for i, v := range g.Perm(n) {
			have[i] = float64(v)
		}
	case "raw_random_": // torch takes 64 bits for a range of 2³²
		for i := range have {
			have[i] = float64(uint32(g.Uint64()))
		}
	default:
		require.Fail(t, "unknown kind", kind)
	}
	return have, tolerance
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func TestTorchMoments(t *testing.T) {
	x := make([]float32, 1<<16)
	noise.NewTorch(3).Normal(x)
	var mean, square float64
	for _, v := range x {
		mean += float64(v)
		square += float64(v) * float64(v)
	}
	n := float64(len(x))
	assert.InDelta(t, 0, mean/n, 4/math.Sqrt(n))
	assert.InDelta(t, 1, square/n, 4*math.Sqrt(2/n))
}

func BenchmarkTorch(b *testing.B) {
	g, x := noise.NewTorch(1), make([]float32, 4*64*64)
	b.SetBytes(int64(4 * len(x)))
	for b.Loop() {
		g.Normal(x)
	}
}
