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

// awkward are values that test the paths of the exponential, and of IEEE
// arithmetic.
var awkward = []float32{
	0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)),
	0x1p-149, -0x1p-149, 0x1p-127, -0x1p-126, math.MaxFloat32, -math.MaxFloat32, 1e-30, -1e-30,
	-87.3, -87.4, -88.7, -90, -103.9, -104, -105, 88.72, 88.73, 89, 90, 105, -13.2, -14, -16, 16, 17, 0.5, -0.5,
}

// mixed is normal numbers of several sizes, and now and then an awkward one.
func mixed(rng *rand.Rand, n int) []float32 {
	x := randoms(rng, n)
	for i := range x {
		switch rng.IntN(8) {
		case 0:
			x[i] *= 30
		case 1:
			x[i] *= 1e-6
		case 2:
			x[i] = awkward[rng.IntN(len(awkward))]
		}
	}
	return x
}

// lengths are all those around the vectors' widths, and some real ones.
func lengths() []int {
	var list []int
	for n := range 70 {
		list = append(list, n)
	}
	return append(list, 77, 127, 320, 1283)
}

// sameEverywhere runs an operation with every instruction set on the same
// inputs, which it may overwrite, and wants the bytes of the plain code. The
// results come back in one slice or in the inputs.
func sameEverywhere(t *testing.T, run func(in [][]float32) []float32, inputs ...[]float32) {
	t.Helper()
	var want [][]float32
	for s := range bestISA() + 1 {
		var in [][]float32
		var checks []func(*testing.T)
		for _, x := range inputs {
			copied, check := guarded(x)
			in, checks = append(in, copied), append(checks, check)
		}
		var got [][]float32
		withISA(s, func() { got = append(in, run(in)) })
		for _, check := range checks {
			check(t)
		}
		if s == isaGeneric {
			want = got
			continue
		}
		for i := range want {
			requireSame(t, want[i], got[i])
		}
	}
}

func TestActivateSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	for _, act := range []Activation{None, SiLU, GELU, QuickGELU, ReLU} {
		for _, n := range lengths() {
			sameEverywhere(t, func(in [][]float32) []float32 {
				activate(in[0], in[1], act)
				return nil
			}, make([]float32, n), mixed(rng, n))
		}
		// A sweep over all numbers, in place.
		var x []float32
		everyFloat32(40009, func(v float32) { x = append(x, v) })
		sameEverywhere(t, func(in [][]float32) []float32 {
			activate(in[0], in[0], act)
			return nil
		}, x)
	}
}

func TestGEGLUSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 2))
	for _, near := range []bool{false, true} {
		for _, n := range lengths() {
			sameEverywhere(t, func(in [][]float32) []float32 {
				gegluRow(in[0], in[1], in[2], near)
				return nil
			}, make([]float32, n), mixed(rng, n), mixed(rng, n))
		}
		var x []float32
		everyFloat32(40009, func(v float32) { x = append(x, v) })
		ones := slices.Repeat([]float32{1}, len(x))
		sameEverywhere(t, func(in [][]float32) []float32 {
			gegluRow(in[0], ones, in[0], near)
			return nil
		}, x)
	}
}

func TestSoftmaxColumnsSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 3))
	for _, keys := range append(lengths()[:40], 77, keyTile) {
		finite := randoms(rng, keys*panel)
		for i := range finite {
			finite[i] *= 40
		}
		masked := randoms(rng, keys*panel)
		for i := range masked {
			if rng.IntN(3) > 0 {
				masked[i] = float32(math.Inf(-1))
			}
		}
		zeros := make([]float32, keys*panel)
		for i := range zeros {
			zeros[i] = float32(math.Copysign(0, float64(rng.IntN(2)-1)))
		}
		for _, s := range [][]float32{finite, masked, mixed(rng, keys*panel), zeros} {
			for _, cols := range []int{16, 32} {
				start := slices.Repeat([]float32{softmaxStart}, cols)
				for _, most := range [][]float32{start, randoms(rng, cols), mixed(rng, cols)} {
					sameEverywhere(t, func(in [][]float32) []float32 {
						softmaxColumns(in[0], keys, in[1], in[2], in[3])
						return nil
					}, s, most, randoms(rng, cols), make([]float32, cols))
				}
			}
		}
	}
}

// A sweep over all numbers: the exponential of each.
func TestExp2SameBytes(t *testing.T) {
	var s []float32
	everyFloat32(400009, func(z float32) {
		if !(z > 0) {
			s = append(s, z)
		}
	})
	for z := float32(-130); z < 0; z += 0x1.3p-7 {
		s = append(s, z)
	}
	zeros := make([]float32, panel)
	for ; len(s) >= panel; s = s[panel:] {
		sameEverywhere(t, func(in [][]float32) []float32 {
			softmaxColumns(in[0], 1, in[1], in[2], in[3])
			return nil
		}, s[:panel], zeros, zeros, zeros)
	}
}

func TestScaleColumnsSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 7))
	for _, rows := range []int{0, 1, 2, 3, 40, 77} {
		for _, cols := range []int{16, 32} {
			sameEverywhere(t, func(in [][]float32) []float32 {
				scaleColumns(in[0], rows, in[1])
				return nil
			}, mixed(rng, rows*panel), mixed(rng, cols))
		}
	}
}

func TestAddAndScaleSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 4))
	for _, n := range lengths() {
		sameEverywhere(t, func(in [][]float32) []float32 {
			addRow(in[0], in[1], in[2])
			scaleRow(in[2], in[2], 0.3)
			return nil
		}, make([]float32, n), mixed(rng, n), mixed(rng, n))
	}
}

func TestSumsSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 5))
	float32s := func(sums []float64) (out []float32) {
		for _, v := range sums {
			if v != v {
				v = math.NaN() // any NaN equals any other
			}
			bits := math.Float64bits(v)
			out = append(out, math.Float32frombits(uint32(bits>>32)), math.Float32frombits(uint32(bits)))
		}
		return out
	}
	for _, n := range lengths() {
		for _, values := range []func(*rand.Rand, int) []float32{randoms, mixed} {
			sameEverywhere(t, func(in [][]float32) []float32 {
				sum, squares := sumRow(in[0])
				return float32s([]float64{sum, squares})
			}, values(rng, n))
		}
	}
	for _, c := range []int{1, 4, 15, 16, 17, 40, 320} {
		for _, pixels := range []int{1, 2, 3, 4, 5, 8, 11} {
			from := c / 3
			sameEverywhere(t, func(in [][]float32) []float32 {
				sums, squares := make([]float64, c-from), make([]float64, c-from)
				sumChannels(sums, squares, in[0][from:], c)
				return float32s(append(sums, squares...))
			}, randoms(rng, c*pixels))
		}
	}
}

func TestNormsSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for _, s := range normShapes {
		for _, act := range []Activation{None, SiLU, GELU} {
			t.Run(fmt.Sprintf("%+v %d", s, act), func(t *testing.T) {
				for _, values := range []func(*rand.Rand, int) []float32{randoms, mixed} {
					sameEverywhere(t, func(in [][]float32) []float32 {
						out := make([]float32, len(in[0]))
						work := make([]float32, GroupNormWork(s))
						Serial(GroupNorm(out, in[0], s, in[1], in[2], 1e-5, act, work)...)
						return append(out, work...)
					}, values(rng, s.N*s.Pixels*s.C), randoms(rng, s.C), randoms(rng, s.C))
				}
			})
		}
	}
	for _, d := range lengths()[1:] {
		sameEverywhere(t, func(in [][]float32) []float32 {
			Serial(LayerNorm(in[0], in[1], 3, d, in[2], in[3], 1e-5))
			return nil
		}, make([]float32, 3*d), randoms(rng, 3*d), randoms(rng, d), randoms(rng, d))
	}
}

// The padded copies stay on the stack.
func TestRowsAllocateNothing(t *testing.T) {
	x, y, columns := make([]float32, 77), make([]float32, 77), make([]float32, 3*panel)
	eachISA(t, func(t *testing.T) {
		assert.Zero(t, testing.AllocsPerRun(10, func() {
			activate(x, x, SiLU)
			gegluRow(x, x, y, false)
			softmaxColumns(columns, 3, y[:16], y[16:32], y[32:48])
			scaleColumns(columns, 3, y[:32])
			addRow(x, x, y)
			sum, _ := sumRow(x)
			normaliseRow(x, x, float32(sum), 1, 0, y, y)
		}))
	})
}

func TestPhasesAllocateNothing(t *testing.T) {
	s := NormShape{N: 1, Pixels: 30, C: 40, Groups: 8}
	x := make([]float32, s.Pixels*s.C)
	phases := GroupNorm(x, x, s, x[:s.C], x[:s.C], 1e-5, SiLU, make([]float32, GroupNormWork(s)))
	phases = append(phases, LayerNorm(x, x, s.Pixels, s.C, x[:s.C], x[:s.C], 1e-5))
	scratch := make([]float32, phases[1].Scratch)
	eachISA(t, func(t *testing.T) {
		require.Zero(t, testing.AllocsPerRun(10, func() {
			for _, p := range phases {
				for task := range p.Tasks {
					p.Run(task, scratch)
				}
			}
		}))
	})
}
