package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// winogradError bounds the error of F(4×4, 3×3) relative to the size of the
// result: its transforms amplify the rounding of their inputs.
const winogradError = 2e-5

func runWinograd(t *testing.T, x, w []float32, s ConvShape, ep Epilogue) []float32 {
	t.Helper()
	return runWinogradIn(t, x, w, s, ep, Float32)
}

func runWinogradIn(t *testing.T, x, w []float32, s ConvShape, ep Epilogue, format Format) []float32 {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(s.H), uint64(s.W)))
	packed := PackConv(make([]float32, PackedLen(9*s.InC, s.OutC, format)), w, s.OutC, s.InC, 3, 3, format)
	x, _ = guarded(x)
	out, check := guarded(make([]float32, s.N*s.OutH*s.OutW*s.OutC))
	work, checkWork := guarded(make([]float32, WinogradWork(s)))
	runGuarded(t, rng, Winograd(out, x, s, packed, ep, work)...)
	check(t)
	checkWork(t)
	return out
}

func winogradShapes() []ConvShape {
	up := same(1, 10, 14, 16, 40, 3)
	up.H, up.W, up.UpH, up.UpW = 5, 7, 10, 14
	valid := ConvShape{N: 1, H: 9, W: 11, InC: 16, OutC: 5, KH: 3, KW: 3, Stride: 1, OutH: 7, OutW: 9}
	around, upAround := same(2, 7, 6, 32, 33, 3), up
	around.WrapX, around.WrapY = true, true
	upAround.WrapX = true
	return []ConvShape{
		around, upAround,
		same(1, 4, 4, 16, 32, 3), same(2, 8, 8, 32, 64, 3), same(1, 1, 1, 16, 1, 3), same(2, 7, 5, 48, 33, 3),
		same(1, 13, 30, 16, 100, 3), up, valid,
	}
}

func TestWinogradAgainstFloat64(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(60, 61))
		for _, s := range winogradShapes() {
			t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
				x, w := s.data(rng)
				ep := someEpilogue(rng, s.N*s.OutH*s.OutW, s.OutC)
				requireClose(t, conv64(x, w, s, ep), runWinograd(t, x, w, s, ep), winogradError)
			})
		}
	})
}

func TestWinogradSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(62, 63))
	for _, s := range append(winogradShapes(), same(1, 5, 6, 208, 40, 3)) {
		x, w := s.data(rng)
		ep := someEpilogue(rng, s.N*s.OutH*s.OutW, s.OutC)
		for _, format := range []Format{Float32, Float16} {
			var want []float32
			withISA(isaGeneric, func() { want = runWinogradIn(t, x, w, s, ep, format) })
			eachISA(t, func(t *testing.T) { requireSame(t, want, runWinogradIn(t, x, w, s, ep, format)) })
		}
	}
}

// Weights in half precision are what they are rounded to.
func TestWinogradFloat16(t *testing.T) {
	rng := rand.New(rand.NewPCG(70, 71))
	s := same(1, 9, 7, 32, 40, 3)
	x, w := s.data(rng)
	rounded := slices.Clone(w)
	for i, v := range rounded {
		rounded[i] = float16ToFloat32(float32ToFloat16(v))
	}
	eachISA(t, func(t *testing.T) {
		requireSame(t, runWinograd(t, x, rounded, s, Epilogue{}), runWinogradIn(t, x, w, s, Epilogue{}, Float16))
	})
}

// An image's result does not depend on what shares its batch.
func TestWinogradBatch(t *testing.T) {
	s := same(3, 6, 9, 16, 20, 3)
	x, w := s.data(rand.New(rand.NewPCG(64, 65)))
	all := runWinograd(t, x, w, s, Epilogue{})
	one := s
	one.N = 1
	for n := range s.N {
		requireSame(t, all[n*len(all)/3:][:len(all)/3], runWinograd(t, x[n*len(x)/3:][:len(x)/3], w, one, Epilogue{}))
	}
}

// Large images are transformed in rounds, so the work space stays small.
func TestWinogradRounds(t *testing.T) {
	s := same(1, 512, 512, 128, 128, 3)
	assert.Less(t, WinogradWork(s), 5<<20)
	assert.Greater(t, newWinograd(s).tiles, newWinograd(s).round)

	s = same(1, 40, 40, 3008, 1, 3)
	require.Greater(t, newWinograd(s).tiles, newWinograd(s).round)
	x, w := s.data(rand.New(rand.NewPCG(66, 67)))
	requireClose(t, conv64(x, w, s, Epilogue{}), runWinograd(t, x, w, s, Epilogue{}), winogradError)
}

func TestWinogradChecks(t *testing.T) {
	s := same(1, 4, 4, 16, 3, 3)
	x, weight := s.data(rand.New(rand.NewPCG(68, 69)))
	w := PackConv(make([]float32, PackedLen(9*16, 3, Float32)), weight, 3, 16, 3, 3, Float32)
	out, work := make([]float32, 48), make([]float32, WinogradWork(s))
	assert.PanicsWithValue(t, "kernel: winograd: short input", func() { Winograd(out, x[1:], s, w, Epilogue{}, work) })
	assert.PanicsWithValue(t, "kernel: winograd: short out", func() { Winograd(out[1:], x, s, w, Epilogue{}, work) })
	assert.PanicsWithValue(t, "kernel: winograd: short work space", func() { Winograd(out, x, s, w, Epilogue{}, work[1:]) })
	s.Stride = 2
	assert.Panics(t, func() { Winograd(out, x, s, w, Epilogue{}, work) })
}
