package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/ggml"
)

// runRoundedWinograd is runWinogradIn with rounded factors.
func runRoundedWinograd(t *testing.T, x []float32, s ConvShape, packed Packed, ep Epilogue) []float32 {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(s.H), uint64(s.W)))
	x, _ = guarded(x)
	out, check := guarded(make([]float32, s.N*s.OutH*s.OutW*s.OutC))
	work, checkWork := guarded(make([]float32, RoundedWinogradWork(s)))
	runGuarded(t, rng, RoundedWinograd(out, x, s, packed, ep, work)...)
	check(t)
	checkWork(t)
	return out
}

// roundedWinogradDeviation is the rms of the error of rounded factors, relative to the
// result's. Each factor is off by up to 2⁻⁹ of itself, 2⁻⁹/√3·√2 = 1.6e-3 for a product of
// evenly spread mantissas, and the output transform makes that larger: 36 products of which
// some cancel stand for 9. What was seen is 1.0e-2 to 1.2e-2.
const roundedWinogradDeviation = 1.4e-2

// deviation64 is the rms of the difference, relative to that of what is exact.
func deviation64(exact []float64, have []float32) float64 {
	var d, e float64
	for i, v := range exact {
		d += math.Pow(float64(have[i])-v, 2)
		e += v * v
	}
	return math.Sqrt(d / e)
}

// The factors are rounded, and nothing else: the deviation from float64 is theirs.
func TestRoundedWinogradAgainstFloat64(t *testing.T) {
	rng := rand.New(rand.NewPCG(100, 101))
	for _, s := range []ConvShape{same(1, 16, 16, 128, 64, 3), same(2, 9, 13, 320, 48, 3)} {
		x, w := s.data(rng)
		ep := Epilogue{Bias: randoms(rng, s.OutC)}
		exact := conv64(x, w, s, ep)
		eachDots(t, func(t *testing.T) {
			have := runRoundedWinograd(t, x, s, s.pack(w, Float32), ep)
			deviation := deviation64(exact, have)
			t.Logf("%+v: %.2e", s, deviation)
			assert.Less(t, deviation, roundedWinogradDeviation)
			assert.Greater(t, deviation, roundedWinogradDeviation/4)
		})
	}
}

func TestRoundedWinogradSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(102, 103))
	for _, s := range append(winogradShapes(), same(1, 5, 6, 560, 40, 3)) {
		x, w := s.data(rng)
		ep := someEpilogue(rng, s.N*s.OutH*s.OutW, s.OutC)
		for _, format := range []Format{Float32, Float16} {
			t.Run(fmt.Sprintf("%+v %v", s, format), func(t *testing.T) {
				var want []float32
				withDots(dotSet{}, func() {
					withISA(isaGeneric, func() { want = runRoundedWinograd(t, x, s, s.pack(w, format), ep) })
				})
				eachDots(t, func(t *testing.T) { requireSame(t, want, runRoundedWinograd(t, x, s, s.pack(w, format), ep)) })
			})
		}
	}
}

// Weights in half precision, and stored ones, are what they are rounded to.
func TestRoundedWinogradFormats(t *testing.T) {
	rng := rand.New(rand.NewPCG(104, 105))
	s := same(1, 9, 7, 272, 40, 3)
	x, w := s.data(rng)
	for i, v := range w {
		w[i] = float16ToFloat32(float32ToFloat16(v))
	}
	w[0], w[1] = 0x1p-24, -0x1p-15 // subnormal halves
	data := make([]float32, StoredLen(len(w), ggml.F16))
	narrowHalves(halves(data)[:len(w)], w)
	stored := Packed{K: 9 * s.InC, N: s.OutC, Stored: ggml.F16, Taps: 9, Data: data}
	eachDots(t, func(t *testing.T) {
		want := runRoundedWinograd(t, x, s, s.pack(w, Float32), Epilogue{})
		requireSame(t, want, runRoundedWinograd(t, x, s, s.pack(w, Float16), Epilogue{}))
		requireSame(t, want, runRoundedWinograd(t, x, s, stored, Epilogue{}))
	})
}

// An image's result does not depend on what shares its batch, nor on the rounds, which are
// larger than those in float32.
func TestRoundedWinogradBatch(t *testing.T) {
	rng := rand.New(rand.NewPCG(106, 107))
	for _, s := range []ConvShape{same(3, 6, 9, 16, 20, 3), same(2, 40, 40, 3008, 1, 3)} {
		x, w := s.data(rng)
		all := runRoundedWinograd(t, x, s, s.pack(w, Float16), Epilogue{})
		one := s
		one.N = 1
		for n := range s.N {
			requireSame(t, all[n*len(all)/s.N:][:len(all)/s.N], runRoundedWinograd(t, x[n*len(x)/s.N:][:len(x)/s.N], one, s.pack(w, Float16), Epilogue{}))
		}
	}
}

// The work space is never larger than that of rounds in float32.
func TestRoundedWinogradWork(t *testing.T) {
	for _, s := range []ConvShape{
		same(1, 512, 512, 128, 128, 3), same(2, 64, 64, 320, 320, 3), same(2, 16, 16, 2560, 1280, 3),
		same(2, 8, 8, 1280, 1280, 3), same(1, 40, 40, 3008, 1, 3),
	} {
		eachDots(t, func(t *testing.T) { assert.LessOrEqual(t, RoundedWinogradWork(s), newWinograd(s).roundsLen()) })
	}
	require.Greater(t, newWinogradOf(same(2, 40, 40, 3008, 1, 3), winPairs).tiles, newWinogradOf(same(2, 40, 40, 3008, 1, 3), winPairs).round)
}

// BenchmarkRoundedWinograd has convolutions as they occur, in float32 and rounded.
func BenchmarkRoundedWinograd(b *testing.B) {
	for _, s := range []ConvShape{
		same(2, 64, 64, 320, 320, 3), same(2, 32, 32, 640, 640, 3), same(2, 16, 16, 1280, 1280, 3),
		same(2, 8, 8, 1280, 1280, 3), same(2, 64, 64, 640, 320, 3), same(2, 32, 32, 1280, 640, 3), same(2, 16, 16, 2560, 1280, 3),
	} {
		x, weight := s.data(benchRNG)
		pixels := s.N * s.OutH * s.OutW
		out := make([]float32, pixels*s.OutC)
		ep := Epilogue{Bias: randoms(benchRNG, s.OutC)}
		flops := 2 * float64(pixels) * float64(9*s.InC) * float64(s.OutC)
		name := fmt.Sprintf("%dx%d-%d@%d", s.N, s.InC, s.OutC, s.H)
		w := s.pack(weight, Float16)
		b.Run(name+"/float32", func(b *testing.B) {
			bench(b, flops, Winograd(out, x, s, w, ep, make([]float32, WinogradWork(s)))...)
		})
		b.Run(name+"/rounded", func(b *testing.B) {
			bench(b, flops, RoundedWinograd(out, x, s, w, ep, make([]float32, RoundedWinogradWork(s)))...)
		})
	}
}
