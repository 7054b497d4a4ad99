package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The errors of products of N(0, 1) numbers, relative to the largest result: of the
// factors' rounding, which is 2⁻⁹ of each bfloat16 and 1/254 of the largest integer.
const (
	bfloat16Error = 1e-2
	int8Error     = 3e-2
)

// withDots runs f with other instructions for words.
func withDots(g dotSet, f func()) {
	defer func(old dotSet) { dots = old }(dots)
	dots = g
	f()
}

// eachDots runs a test with every instruction set, and the best of them with the
// instructions for words.
func eachDots(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	withDots(dotSet{}, func() { eachISA(t, test) })
	if best := bestDots(); best.vnni || best.bf16 {
		withISA(bestISA(), func() {
			withDots(best, func() { t.Run(fmt.Sprintf("%+v", best), test) })
		})
	}
}

var roundedShapes = []struct{ m, n, k int }{
	{1, 1, 4}, {1, 32, 8}, {2, 33, 20}, {12, 32, 64}, {13, 16, 12}, {5, 17, 40},
	{25, 48, 36}, {64, 320, 16}, {7, 100, 132}, {31, 4, 36}, {150, 65, 1028}, {40, 30, 2600},
}

func TestRoundedAgainstFloat64(t *testing.T) {
	for _, format := range []Format{BFloat16, Int8} {
		bound := map[Format]float64{BFloat16: bfloat16Error, Int8: int8Error}[format]
		eachDots(t, func(t *testing.T) {
			for i, s := range roundedShapes {
				rng := rand.New(rand.NewPCG(uint64(i), 80))
				a, w := randoms(rng, s.m*s.k), randoms(rng, s.n*s.k)
				ep := someEpilogue(rng, s.m, s.n)
				t.Run(fmt.Sprintf("%v %dx%dx%d %v", format, s.m, s.k, s.n, ep), func(t *testing.T) {
					requireClose(t, gemm64(a, w, s.m, s.n, s.k, ep), runGemmIn(t, a, w, s.m, s.n, s.k, ep, format), bound)
				})
			}
		})
	}
}

// A product of bfloat16 is that of the rounded factors, but for the rounding of the
// sums.
func TestBFloat16Rounds(t *testing.T) {
	eachDots(t, func(t *testing.T) {
		for i, s := range roundedShapes {
			rng := rand.New(rand.NewPCG(uint64(i), 81))
			a, w := randoms(rng, s.m*s.k), randoms(rng, s.n*s.k)
			got := runGemmIn(t, a, w, s.m, s.n, s.k, Epilogue{}, BFloat16)
			for _, x := range [][]float32{a, w} {
				for i, v := range x {
					x[i] = fromBFloat16(bfloat16(v))
				}
			}
			requireClose(t, gemm64(a, w, s.m, s.n, s.k, Epilogue{}), got, product64)
		}
	})
}

// Sums of integers are exact, and those of bfloat16 in one order: whatever the
// instructions, the bytes are the same.
func TestRoundedSameBytes(t *testing.T) {
	for _, format := range []Format{BFloat16, Int8} {
		t.Run(format.String(), func(t *testing.T) { testRoundedSameBytes(t, format) })
	}
}

func testRoundedSameBytes(t *testing.T, format Format) {
	for i, s := range roundedShapes {
		rng := rand.New(rand.NewPCG(uint64(i), 82))
		a, w := randoms(rng, s.m*s.k), randoms(rng, s.n*s.k)
		for j := range a {
			a[j] *= float32(1 + j/s.k) // rows of different scales
		}
		ep := someEpilogue(rng, s.m, s.n)
		var want []float32
		withDots(dotSet{}, func() {
			withISA(isaGeneric, func() { want = runGemmIn(t, a, w, s.m, s.n, s.k, ep, format) })
		})
		eachDots(t, func(t *testing.T) {
			requireSame(t, want, runGemmIn(t, a, w, s.m, s.n, s.k, ep, format))
		})
	}
}

// Whole numbers up to 127 are exact in integers and in bfloat16.
func TestRoundedExact(t *testing.T) {
	const m, n, k = 29, 70, 96
	rng := rand.New(rand.NewPCG(83, 83))
	a, w := make([]float32, m*k), make([]float32, n*k)
	for _, x := range [][]float32{a, w} {
		for i := range x {
			x[i] = float32(rng.IntN(255) - 127)
			if i%k == 0 {
				x[i] = 127 // so that the scale is 1
			}
		}
	}
	want := runGemm(t, a, w, m, n, k, Epilogue{})
	for _, format := range []Format{BFloat16, Int8} {
		eachDots(t, func(t *testing.T) {
			requireSame(t, want, runGemmIn(t, a, w, m, n, k, Epilogue{}, format))
		})
	}
}

// NaN and infinity stay in their rows; zeros and subnormal numbers have no scale.
func TestRoundedSpecial(t *testing.T) {
	const m, n, k = 20, 40, 12
	a, w := make([]float32, m*k), make([]float32, n*k)
	for i := range w {
		w[i] = 1
	}
	for i := range a {
		a[i] = 1
	}
	a[3*k+2], a[7*k+9] = float32(math.NaN()), float32(math.Inf(1))
	clear(a[9*k : 10*k])
	for i := range k {
		a[11*k+i] = 1e-40
	}
	for _, format := range []Format{BFloat16, Int8} {
		eachDots(t, func(t *testing.T) {
			for i, v := range runGemmIn(t, a, w, m, n, k, Epilogue{}, format) {
				switch i / n {
				case 3:
					assert.True(t, v != v, "%v", format)
				case 7:
					assert.True(t, v-v != 0, "%v", format)
				case 9, 11:
					assert.Zero(t, v, "%v", format)
				default:
					assert.Equal(t, float32(k), v, "%v", format)
				}
			}
		})
	}
}

// A row's result depends neither on how many there are nor on where it is.
func TestRoundedRowsAreIndependent(t *testing.T) {
	const m, n, k = 100, 40, 52
	rng := rand.New(rand.NewPCG(84, 84))
	a, w := randoms(rng, m*k), randoms(rng, n*k)
	for _, format := range []Format{BFloat16, Int8} {
		eachDots(t, func(t *testing.T) {
			all := runGemmIn(t, a, w, m, n, k, Epilogue{}, format)
			for _, r := range []int{0, 1, 11, 12, 57, 99} {
				requireSame(t, all[r*n:][:n], runGemmIn(t, a[r*k:][:k], w, 1, n, k, Epilogue{}, format))
			}
		})
	}
}

func TestBFloat16(t *testing.T) {
	for h := range 1 << 16 {
		x := fromBFloat16(uint16(h))
		switch {
		case x != x:
			y := fromBFloat16(bfloat16(x))
			assert.True(t, y != y)
		case h&0x7f80 == 0: // subnormal
			assert.Equal(t, uint16(h&0x8000), bfloat16(x))
		default:
			assert.Equal(t, uint16(h), bfloat16(x))
		}
	}
	for _, h := range []uint16{0x3f80, 0x3f81, 0xc001, 0x7f7f, 0x0080} {
		low := math.Float32bits(fromBFloat16(h))
		assert.Equal(t, h, bfloat16(math.Float32frombits(low+0x7fff)))
		assert.Equal(t, h+h&1, bfloat16(math.Float32frombits(low+0x8000)), "ties go to even")
		assert.Equal(t, h+1, bfloat16(math.Float32frombits(low+0x8001)))
	}
}

func TestRoundBFloat16sSameBytes(t *testing.T) {
	if !bestDots().bf16 {
		t.Skip("no AVX-512 BF16")
	}
	rng := rand.New(rand.NewPCG(85, 85))
	for _, n := range lengths() {
		x := mixed(rng, n)
		want, have := make([]uint16, n), make([]uint16, n)
		roundBFloat16sGeneric(want, x)
		withDots(bestDots(), func() { roundBFloat16s(have, x) })
		for i := range want {
			if x[i] == x[i] {
				require.Equal(t, want[i], have[i], "%v (%#08x)", x[i], math.Float32bits(x[i]))
			} else {
				v := fromBFloat16(have[i])
				require.True(t, v != v)
			}
		}
	}
}

func TestLargest(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		for _, n := range lengths() {
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(i%5) - 2
			}
			if n > 0 {
				x[n/2] = -7
				assert.Equal(t, float32(7), Largest(x))
				x[n-1] = float32(math.NaN())
				assert.True(t, Largest(x) != Largest(x))
			}
		}
	})
	assert.Zero(t, Largest(nil))
}

func TestChooseDots(t *testing.T) {
	both := dotSet{vnni: true, bf16: true}
	for wish, want := range map[string]dotSet{
		"": both, "bf16": both, "vnni": {vnni: true}, "avx512": {}, "avx2": {}, "generic": {}, "nosuch": both,
	} {
		assert.Equal(t, want, chooseDots(wish, both), wish)
		assert.Equal(t, dotSet{}, chooseDots(wish, dotSet{}), wish)
	}
}
