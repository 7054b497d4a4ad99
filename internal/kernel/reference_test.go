package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// guard stands around buffers: no kernel may read it into a result or write it.
const guard = float32(12345.678)

// guarded returns a copy of x, at an odd address, and a check that nothing
// around it was written.
func guarded(x []float32) (copied []float32, check func(t *testing.T)) {
	const n = 37
	all := make([]float32, len(x)+2*n)
	for i := range all {
		all[i] = guard
	}
	copied = all[n : n+len(x) : n+len(x)]
	copy(copied, x)
	return copied, func(t *testing.T) {
		t.Helper()
		for _, v := range slices.Concat(all[:n], all[n+len(x):]) {
			require.Equal(t, guard, v, "a write outside the buffer")
		}
	}
}

func randoms(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// runGuarded runs the phases with scratch that is exactly as long as asked
// for and holds NaN, on the tasks in a random order.
func runGuarded(t *testing.T, rng *rand.Rand, phases ...Phase) {
	t.Helper()
	for _, p := range phases {
		for _, task := range rng.Perm(p.Tasks) {
			scratch, check := guarded(make([]float32, p.Scratch))
			for i := range scratch {
				scratch[i] = float32(math.NaN())
			}
			p.Run(task, scratch)
			check(t)
		}
	}
}

// requireSame wants the same bits, except that any NaN equals any other:
// processors differ in the sign of the NaN that they make.
func requireSame(t *testing.T, want, got []float32) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) && (want[i] == want[i] || got[i] == got[i]) {
			require.Failf(t, "bits differ", "at %d of %d: have %v (%#08x), want %v (%#08x)", i, len(want),
				got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

// requireClose compares with a float64 reference: bound is the allowed error
// relative to the largest magnitude of the reference, or to 1, the size of one
// term, where the terms cancel.
func requireClose(t *testing.T, want []float64, got []float32, bound float64) {
	t.Helper()
	require.Len(t, got, len(want))
	size, worst, at := 1.0, 0.0, 0
	for i, w := range want {
		size = max(size, math.Abs(w))
		if d := math.Abs(w - float64(got[i])); !(d <= worst) {
			worst, at = d, i
		}
	}
	if !(worst <= bound*size) {
		require.Failf(t, "too far", "largest error %g (allowed %g) at %d: have %v, want %v",
			worst, bound*size, at, got[at], want[at])
	}
}

// product64 bounds the error of a sum of k products of N(0, 1) numbers
// relative to its size: each addition adds half an ulp of the partial sum.
const product64 = 4e-6

func activation64(x float64, act Activation) float64 {
	switch act {
	case SiLU:
		return x / (1 + math.Exp(-x))
	case GELU:
		return x * 0.5 * math.Erfc(-x/math.Sqrt2)
	case QuickGELU:
		return x / (1 + math.Exp(-1.702*x))
	}
	return x
}

// epilogue64 finishes a product [m n] in float64.
func epilogue64(acc []float64, n int, ep Epilogue) {
	for i := range acc {
		if ep.Bias != nil {
			acc[i] += float64(ep.Bias[i%n])
		}
		if ep.PerSample != nil {
			acc[i] += float64(ep.PerSample[i/n/ep.Rows*n+i%n])
		}
		acc[i] = activation64(acc[i], ep.Act)
		if ep.Residual != nil {
			acc[i] += float64(ep.Residual[i])
		}
	}
}

// gemm64 is a × wᵀ for w [n k].
func gemm64(a, w []float32, m, n, k int, ep Epilogue) []float64 {
	out := make([]float64, m*n)
	for r := range m {
		for j := range n {
			for i := range k {
				out[r*n+j] += float64(a[r*k+i]) * float64(w[j*k+i])
			}
		}
	}
	epilogue64(out, n, ep)
	return out
}

// input returns the pixel that the convolution sees at (y, x), which may lie
// in the padding, as an offset of x, or -1.
func (s ConvShape) input(n, y, x int) int {
	height, width := s.H, s.W
	if s.UpH != 0 {
		height = s.UpH
	}
	if s.UpW != 0 {
		width = s.UpW
	}
	if s.WrapY {
		y = (y%height + height) % height
	}
	if s.WrapX {
		x = (x%width + width) % width
	}
	if y < 0 || y >= height || x < 0 || x >= width {
		return -1
	}
	return ((n*s.H+y*s.H/height)*s.W + x*s.W/width) * s.InC
}

// conv64 is the convolution of x with w [OutC InC KH KW].
func conv64(x, w []float32, s ConvShape, ep Epilogue) []float64 {
	var out []float64
	s.each(func(n, oy, ox, o int) {
		sum := 0.0
		for ky := range s.KH {
			for kx := range s.KW {
				if at := s.input(n, oy*s.Stride+ky-s.PadTop, ox*s.Stride+kx-s.PadLeft); at >= 0 {
					for i := range s.InC {
						sum += float64(x[at+i]) * float64(w[((o*s.InC+i)*s.KH+ky)*s.KW+kx])
					}
				}
			}
		}
		out = append(out, sum)
	})
	epilogue64(out, s.OutC, ep)
	return out
}

// each visits the output elements in the order of memory.
func (s ConvShape) each(visit func(n, oy, ox, o int)) {
	for n := range s.N {
		for oy := range s.OutH {
			for ox := range s.OutW {
				for o := range s.OutC {
					visit(n, oy, ox, o)
				}
			}
		}
	}
}

// someEpilogue draws an epilogue for an [m n] product.
func someEpilogue(rng *rand.Rand, m, n int) Epilogue {
	var ep Epilogue
	if rng.IntN(2) == 0 {
		ep.Bias = randoms(rng, n)
	}
	if rng.IntN(3) == 0 {
		ep.Rows = 1 + rng.IntN(m)
		ep.PerSample = randoms(rng, ceilDiv(m, ep.Rows)*n)
	}
	if rng.IntN(2) == 0 {
		ep.Residual = randoms(rng, m*n)
	}
	ep.Act = Activation(rng.IntN(int(QuickGELU) + 1))
	return ep
}

func (ep Epilogue) String() string {
	return fmt.Sprintf("bias=%t sample=%d act=%d residual=%t", ep.Bias != nil, ep.Rows, ep.Act, ep.Residual != nil)
}

func TestPackLinear(t *testing.T) {
	const n, k = 33, 3
	w := make([]float32, n*k)
	for i := range w {
		w[i] = float32(i + 1)
	}
	dst, check := guarded(make([]float32, PackedLen(k, n, Float32)))
	for i := range dst {
		dst[i] = guard
	}
	p := PackLinear(dst, w, n, k, Float32)
	check(t)
	require.Equal(t, 2*k*panel, len(p.Data))
	for col := range 2 * panel {
		for i := range k {
			want := float32(0)
			if col < n {
				want = w[col*k+i]
			}
			assert.Equal(t, want, p.Data[(col/panel*k+i)*panel+col%panel], "column %d, row %d", col, i)
		}
	}
}
