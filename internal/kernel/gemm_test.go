package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// runGemm returns a × wᵀ with guards around every buffer.
func runGemm(t *testing.T, a, w []float32, m, n, k int, ep Epilogue) []float32 {
	t.Helper()
	return runGemmIn(t, a, w, m, n, k, ep, Float32)
}

// runGemmIn is runGemm with weights in a format.
func runGemmIn(t *testing.T, a, w []float32, m, n, k int, ep Epilogue, format Format) []float32 {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(m), uint64(n)))
	packed := PackLinear(make([]float32, PackedLen(k, n, format)), w, n, k, format)
	a, _ = guarded(a)
	_, cols := ep.halves(n)
	out, check := guarded(make([]float32, m*cols))
	runGuarded(t, rng, Gemm(out, a, m, packed, ep))
	check(t)
	return out
}

var gemmShapes = []struct{ m, n, k int }{
	{1, 1, 1}, {1, 32, 8}, {2, 33, 5}, {12, 32, 64}, {13, 16, 7}, {5, 17, 40},
	{25, 48, 33}, {64, 320, 16}, {7, 100, 129}, {31, 4, 36}, {150, 65, 3},
}

func TestGemmAgainstFloat64(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		for i, s := range gemmShapes {
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			a, w := randoms(rng, s.m*s.k), randoms(rng, s.n*s.k)
			ep := someEpilogue(rng, s.m, s.n)
			t.Run(fmt.Sprintf("%dx%dx%d %v", s.m, s.k, s.n, ep), func(t *testing.T) {
				requireClose(t, gemm64(a, w, s.m, s.n, s.k, ep), runGemm(t, a, w, s.m, s.n, s.k, ep), product64)
			})
		}
	})
}

// Each element is one chain of fused multiply-adds from zero over k, then the
// epilogue from left to right: the bits are known.
func TestGemmBits(t *testing.T) {
	const m, n, k = 14, 50, 70
	rng := rand.New(rand.NewPCG(5, 6))
	a, w := randoms(rng, m*k), randoms(rng, n*k)
	ep := Epilogue{Bias: randoms(rng, n), PerSample: randoms(rng, 2*n), Rows: 9, Residual: randoms(rng, m*n)}
	want := make([]float32, m*n)
	for r := range m {
		for j := range n {
			acc := float32(0)
			for i := range k {
				acc = exactFMA(a[r*k+i], w[j*k+i], acc)
			}
			acc += ep.Bias[j]
			acc += ep.PerSample[r/9*n+j]
			want[r*n+j] = acc + ep.Residual[r*n+j]
		}
	}
	eachISA(t, func(t *testing.T) {
		requireSame(t, want, runGemm(t, a, w, m, n, k, ep))
	})
}

// Whatever the instruction set, the bytes are those of the plain code.
func TestGemmSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 60 {
		m, n, k := 1+rng.IntN(60), 1+rng.IntN(100), 1+rng.IntN(90)
		a, w := randoms(rng, m*k), randoms(rng, n*k)
		ep := someEpilogue(rng, m, n)
		var want []float32
		withISA(isaGeneric, func() { want = runGemm(t, a, w, m, n, k, ep) })
		eachISA(t, func(t *testing.T) {
			requireSame(t, want, runGemm(t, a, w, m, n, k, ep))
		})
	}
}

// Weights in half precision are what they are rounded to.
func TestGemmFloat16(t *testing.T) {
	rng := rand.New(rand.NewPCG(74, 75))
	for _, s := range append(gemmShapes, struct{ m, n, k int }{29, 70, 2*chunkK + 5}) {
		a, w := randoms(rng, s.m*s.k), randoms(rng, s.n*s.k)
		rounded := make([]float32, len(w))
		for i, v := range w {
			rounded[i] = float16ToFloat32(float32ToFloat16(v))
		}
		eachISA(t, func(t *testing.T) {
			requireSame(t, runGemm(t, a, rounded, s.m, s.n, s.k, Epilogue{}), runGemmIn(t, a, w, s.m, s.n, s.k, Epilogue{}, Float16))
		})
	}
}

// A gated product is the product and then GEGLU, nearly so if what reads it is bfloat16.
func TestGemmGated(t *testing.T) {
	rng := rand.New(rand.NewPCG(76, 77))
	for _, s := range []struct{ m, n, k int }{{1, 64, 4}, {29, 192, 40}, {70, 128, 2*chunkK + 4}} {
		a, w, bias := randoms(rng, s.m*s.k), randoms(rng, s.n*s.k), randoms(rng, s.n)
		for _, format := range []Format{Float32, Float16, BFloat16, Int8} {
			eachDots(t, func(t *testing.T) {
				want, inner := make([]float32, s.m*s.n/2), s.n/2
				both := runGemmIn(t, a, w, s.m, s.n, s.k, Epilogue{Bias: bias}, format)
				for r := range s.m {
					row := both[r*s.n:]
					gegluRowGeneric(want[r*inner:][:inner], row[:inner], row[inner:s.n], format == BFloat16)
				}
				requireSame(t, want, runGemmIn(t, a, w, s.m, s.n, s.k, Epilogue{Bias: bias, Gated: true}, format))
			})
		}
	}
}

// A long K is cut into chunks, with the sums at rest between them: the chain of
// an element must not notice.
func TestGemmLongK(t *testing.T) {
	const m, n, k = 29, 70, 2*chunkK + 5
	rng := rand.New(rand.NewPCG(9, 10))
	a, w := randoms(rng, m*k), randoms(rng, n*k)
	want := make([]float32, m*n)
	for i := range want {
		for j := range k {
			want[i] = fma32(a[i/n*k+j], w[i%n*k+j], want[i])
		}
	}
	eachISA(t, func(t *testing.T) {
		requireSame(t, want, runGemm(t, a, w, m, n, k, Epilogue{}))
	})
}

// A row's result must not depend on how many rows there are, nor where it is.
func TestGemmRowsAreIndependent(t *testing.T) {
	const m, n, k = 100, 40, 50
	rng := rand.New(rand.NewPCG(11, 12))
	a, w := randoms(rng, m*k), randoms(rng, n*k)
	eachISA(t, func(t *testing.T) {
		all := runGemm(t, a, w, m, n, k, Epilogue{})
		for _, r := range []int{0, 1, 11, 12, 57, 99} {
			requireSame(t, all[r*n:][:n], runGemm(t, a[r*k:][:k], w, 1, n, k, Epilogue{}))
		}
	})
}

func TestGemmResidualInPlace(t *testing.T) {
	const m, n, k = 30, 70, 20
	rng := rand.New(rand.NewPCG(13, 14))
	a, w, x := randoms(rng, m*k), randoms(rng, n*k), randoms(rng, m*n)
	packed := PackLinear(make([]float32, PackedLen(k, n, Float32)), w, n, k, Float32)
	for act := None; act <= QuickGELU; act++ {
		want := runGemm(t, a, w, m, n, k, Epilogue{Act: act, Residual: x})
		eachISA(t, func(t *testing.T) {
			out := append([]float32(nil), x...)
			Serial(Gemm(out, a, m, packed, Epilogue{Act: act, Residual: out}))
			requireSame(t, want, out)
		})
	}
}

// NaN and Inf reach exactly the elements that they belong to.
func TestGemmSpecial(t *testing.T) {
	const m, n, k = 20, 40, 10
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	a, w := make([]float32, m*k), make([]float32, n*k)
	for i := range w {
		w[i] = 1
	}
	a[3*k+2], a[7*k+9] = nan, inf
	a[8*k], a[8*k+1] = inf, -inf
	eachISA(t, func(t *testing.T) {
		out := runGemm(t, a, w, m, n, k, Epilogue{})
		for i, v := range out {
			switch i / n {
			case 3, 8:
				assert.True(t, v != v, "row %d", i/n)
			case 7:
				assert.Equal(t, inf, v)
			default:
				assert.Zero(t, v)
			}
		}
	})
}

func TestGemmChecks(t *testing.T) {
	w := PackLinear(make([]float32, PackedLen(4, 5, Float32)), make([]float32, 20), 5, 4, Float32)
	x, out := make([]float32, 12), make([]float32, 15)
	assert.PanicsWithValue(t, "kernel: gemm: short a", func() { Gemm(out, x[:11], 3, w, Epilogue{}) })
	assert.PanicsWithValue(t, "kernel: product: short out", func() { Gemm(out[:14], x, 3, w, Epilogue{}) })
	assert.PanicsWithValue(t, "kernel: epilogue: short bias", func() { Gemm(out, x, 3, w, Epilogue{Bias: x[:4]}) })
	assert.PanicsWithValue(t, "kernel: epilogue: short per-sample bias", func() {
		Gemm(out, x, 3, w, Epilogue{PerSample: x[:9], Rows: 2})
	})
	assert.PanicsWithValue(t, "kernel: epilogue: short residual", func() { Gemm(out, x, 3, w, Epilogue{Residual: x}) })
	assert.Panics(t, func() { Gemm(out, x, 3, w, Epilogue{Gated: true}) }, "5 columns have no halves")
	require.Zero(t, Gemm(out, x, 0, w, Epilogue{}).Tasks)
}

// Small images and short matrices must still keep several workers busy, and no
// call of the assembly may hold up the garbage collector.
func TestPartition(t *testing.T) {
	small := same(1, 8, 8, 1280, 1280, 3)
	large := same(1, 512, 512, 128, 128, 3)
	for _, s := range []ConvShape{small, large} {
		k := 9 * s.InC
		w := Packed{K: k, N: s.OutC, Data: make([]float32, PackedLen(k, s.OutC, Float32))}
		phase := Conv2D(make([]float32, s.OutH*s.OutW*s.OutC), make([]float32, s.H*s.W*s.InC), s, w, Epilogue{})[0]
		for _, threads := range []int{2, 8, 32} {
			p := phase.For(threads)
			assert.GreaterOrEqual(t, p.Tasks, max(minTasks, 2*threads))
			assert.Less(t, p.Scratch, 256<<10, "scratch of a worker")
		}
	}
	for _, k := range []int{1, 320, 1280, 5120, 10240, 3*chunkK + 1} {
		for _, taps := range []int{1, 9} {
			total := 0
			for _, c := range cut(taps, k) {
				assert.Positive(t, c.k*c.taps)
				if taps == 1 {
					assert.LessOrEqual(t, c.k, chunkK)
				} else {
					assert.LessOrEqual(t, c.k*c.taps, max(chunkK, k)+k)
				}
				total += c.k * c.taps
			}
			assert.Equal(t, taps*k, total)
		}
	}
}
