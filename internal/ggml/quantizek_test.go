package ggml

import (
	"hash/crc32"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// large are the types of 256 numbers that are written.
var large = []Type{Q2_K, Q3_K, Q4_K, Q5_K, Q6_K}

// weights are numbers as weights have them, and of harder kinds. Sum is the CRC-32 of 256
// blocks of 256 of them, and errors are the root of the mean squared error of ggml's own
// code for those (quantize_row_q2_K_ref and so on, commit d99724f2 of 2026), relative to
// that of the numbers, by the order of large.
var weights = []struct {
	name   string
	at     func(r *rand.Rand, i int) float64
	sum    uint32
	errors [5]float64
}{
	{"normal", func(r *rand.Rand, _ int) float64 { return 0.05 * r.NormFloat64() }, 0x0bd2ef12, [5]float64{0.29810, 0.15151, 0.07125, 0.03628, 0.01777}},
	{"shifted", func(r *rand.Rand, _ int) float64 { return 0.02 + 0.04*r.NormFloat64() }, 0xa2eca9a8, [5]float64{0.25997, 0.14537, 0.06371, 0.03206, 0.01741}},
	{"heavy", func(r *rand.Rand, _ int) float64 { x := r.NormFloat64(); return 0.03 * x * x * x }, 0x4a8116cb, [5]float64{0.39213, 0.15195, 0.08976, 0.04986, 0.02456}},
	{"uneven", func(r *rand.Rand, i int) float64 { return 0.01 * float64(i/16%5) * r.NormFloat64() }, 0xcdd92374, [5]float64{0.29854, 0.15055, 0.07319, 0.03743, 0.01771}},
	{"uniform", func(r *rand.Rand, _ int) float64 { return 0.1 * (2*r.Float64() - 1) }, 0x15b97134, [5]float64{0.23189, 0.12514, 0.05457, 0.02745, 0.01322}},
}

// sample returns the numbers of the weights with a place in the list.
func sample(t testing.TB, i int) []float32 {
	t.Helper()
	r := rand.New(rand.NewPCG(11, uint64(i)))
	x := make([]float32, 256*256)
	for n := range x {
		x[n] = float32(weights[i].at(r, n))
	}
	b := make([]byte, 4*len(x))
	require.NoError(t, F32.Quantize(b, x))
	require.Equal(t, weights[i].sum, crc32.ChecksumIEEE(b), "the numbers of which ggml's errors are known")
	return x
}

// rounded returns the numbers of blocks of a type for x, and the relative error.
func rounded(t testing.TB, typ Type, x []float32) (y []float32, relative float64) {
	t.Helper()
	b := make([]byte, typ.Bytes(len(x)))
	require.NoError(t, typ.Quantize(b, x))
	y = make([]float32, len(x))
	typ.Dequantize(y, b)
	var err, all float64
	for i, v := range x {
		e := float64(v) - float64(y[i])
		err, all = err+e*e, all+float64(v)*float64(v)
	}
	return y, math.Sqrt(err / all)
}

// The errors are less than those of ggml's own code.
func TestErrors(t *testing.T) {
	for i, w := range weights {
		x := sample(t, i)
		for k, typ := range large {
			_, err := rounded(t, typ, x)
			assert.Less(t, err, w.errors[k], "%s %v", w.name, typ)
			assert.Greater(t, err, w.errors[k]/2, "%s %v: more than bits can tell", w.name, typ)
		}
	}
}

// The bytes are the same on every processor.
func TestSameBytes(t *testing.T) {
	for k, want := range []uint32{0xbc09dafe, 0x09d16bea, 0x1e4085bf, 0xf8523562, 0x2452f9ec} {
		x := sample(t, 0)[:8192]
		b := make([]byte, large[k].Bytes(len(x)))
		require.NoError(t, large[k].Quantize(b, x))
		assert.Equal(t, want, crc32.ChecksumIEEE(b), large[k])
	}
}

// What a block can hold comes back, as near as its scales allow.
func TestExact(t *testing.T) {
	const exact = 1e-3 // scales of 4 to 8 bits, found by search, of a factor of 11 bits
	x := make([]float32, 256)
	for _, tt := range []struct {
		name  string
		at    func(i int) float32
		types []Type
	}{
		{"zero", func(int) float32 { return 0 }, large},
		{"one", func(int) float32 { return 1 }, large},
		{"minus one", func(int) float32 { return -1 }, large},
		{"a number", func(i int) float32 { return float32(i / 255) }, large},
		{"whole numbers from -2 to 1", func(i int) float32 { return float32(i*7%4 - 2) }, large},
		{"from -16 to 15", func(i int) float32 { return float32(i*7%32 - 16) }, []Type{Q5_K}},
	} {
		for i := range x {
			x[i] = tt.at(i)
		}
		for _, typ := range tt.types {
			got, _ := rounded(t, typ, x)
			for i := range x {
				if math.Abs(float64(got[i]-x[i])) > exact*math.Abs(float64(x[largest(x)])) {
					t.Errorf("%s %v: number %d: have %v, want %v", tt.name, typ, i, got[i], x[i])
					break
				}
			}
		}
	}
}

func BenchmarkQuantize(b *testing.B) {
	x := sample(b, 0)
	for _, typ := range append([]Type{F16, Q8_0, Q4_0, Q5_1}, large...) {
		dst := make([]byte, typ.Bytes(len(x)))
		b.Run(typ.String(), func(b *testing.B) {
			b.SetBytes(int64(4 * len(x)))
			for b.Loop() {
				if err := typ.Quantize(dst, x); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
