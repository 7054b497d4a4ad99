package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"sdgo/internal/ggml"
)

// runRounded is runConvIn with rounded factors.
func runRounded(t *testing.T, x []float32, s ConvShape, packed Packed, ep Epilogue) []float32 {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(s.H), uint64(s.W)))
	x, _ = guarded(x)
	work, checkWork := guarded(make([]float32, RoundedWork(s)))
	out, check := guarded(make([]float32, s.N*s.OutH*s.OutW*s.OutC))
	runGuarded(t, rng, RoundedConv2D(out, x, s, packed, ep, work)...)
	check(t)
	checkWork(t)
	return out
}

// pack packs w for s.
func (s ConvShape) pack(w []float32, format Format) Packed {
	return PackConv(make([]float32, PackedLen(s.KH*s.KW*s.InC, s.OutC, format)), w, s.OutC, s.InC, s.KH, s.KW, format)
}

// roundedConvs are shapes of everything that occurs: several chunks of K, stride 2, images
// that are enlarged, and with rounds of images and of rows.
func roundedConvs(rng *rand.Rand) []ConvShape {
	down := same(2, 9, 7, 40, 70, 3)
	down.Stride, down.OutH, down.OutW = 2, 5, 4
	wide := same(1, 10, 512, 512, 1, 3) // three rows of the output a round, or one where there are no pairs
	wide.Stride, wide.OutH, wide.OutW = 2, 5, 256
	shapes := []ConvShape{same(2, 4, 4, 640, 33, 3), same(3, 1, 1, 2, 1, 3), same(1, 6, 5, 4, 48, 3), down, wide}
	for len(shapes) < 20 {
		s := someShape(rng)
		s.InC *= 2
		if s.Rounds() {
			shapes = append(shapes, s)
		}
	}
	return shapes
}

// A convolution of rounded factors is that of the factors, rounded before, in float32 but
// for the order of the sums, which is the same whatever the instructions.
func TestRoundedConv2D(t *testing.T) {
	rng := rand.New(rand.NewPCG(90, 91))
	for _, s := range roundedConvs(rng) {
		x, w := s.data(rng)
		ep := someEpilogue(rng, s.N*s.OutH*s.OutW, s.OutC)
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			var want []float32
			withDots(dotSet{}, func() {
				withISA(isaGeneric, func() { want = runRounded(t, x, s, s.pack(w, Float32), ep) })
			})
			eachDots(t, func(t *testing.T) { requireSame(t, want, runRounded(t, x, s, s.pack(w, Float32), ep)) })

			var exact []float64
			for _, v := range runConv(t, roundedNumbers(x), roundedNumbers(w), s, ep) {
				exact = append(exact, float64(v))
			}
			requireClose(t, exact, want, product64)
		})
	}
}

// roundedNumbers are what bfloat16 makes of numbers.
func roundedNumbers(x []float32) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = fromBFloat16(bfloat16(v))
	}
	return y
}

// Weights in half precision, and stored ones, are what they are rounded to.
func TestRoundedConv2DFormats(t *testing.T) {
	rng := rand.New(rand.NewPCG(92, 93))
	for _, s := range []ConvShape{same(1, 3, 4, 288, 70, 3), same(2, 5, 5, 6, 40, 3)} {
		x, w := s.data(rng)
		for i, v := range w {
			w[i] = float16ToFloat32(float32ToFloat16(v))
		}
		w[0], w[1] = 0x1p-24, -0x1p-15 // subnormal halves
		ep := someEpilogue(rng, s.N*s.OutH*s.OutW, s.OutC)
		data := make([]float32, StoredLen(len(w), ggml.F16))
		narrowHalves(halves(data)[:len(w)], w)
		stored := Packed{K: 9 * s.InC, N: s.OutC, Stored: ggml.F16, Taps: 9, Data: data}
		eachDots(t, func(t *testing.T) {
			want := runRounded(t, x, s, s.pack(w, Float32), ep)
			requireSame(t, want, runRounded(t, x, s, s.pack(w, Float16), ep))
			requireSame(t, want, runRounded(t, x, s, stored, ep))
		})
	}
}

// An image's result does not depend on what shares its batch, nor on the rounds.
func TestRoundedConv2DBatch(t *testing.T) {
	rng := rand.New(rand.NewPCG(94, 95))
	for _, s := range []ConvShape{same(5, 64, 64, 128, 1, 3), same(2, 5, 5, 6, 40, 3)} {
		x, w := s.data(rng)
		all := runRounded(t, x, s, s.pack(w, Float16), Epilogue{})
		one := s
		one.N = 1
		for n := range s.N {
			requireSame(t, all[n*len(all)/s.N:][:len(all)/s.N], runRounded(t, x[n*len(x)/s.N:], one, s.pack(w, Float16), Epilogue{}))
		}
	}
}

// The work space is bounded, and enough for every part of an image by itself.
func TestRoundedWork(t *testing.T) {
	large, half := same(4, 512, 512, 64, 64, 3), same(1, 255, 512, 64, 64, 3)
	assert.Equal(t, roundedWork, RoundedWork(large))
	assert.LessOrEqual(t, RoundedWork(half), RoundedWork(large))
	assert.Less(t, RoundedWork(same(2, 4, 4, 640, 640, 3)), 2*4*4*640+1)
}

func TestRoundedConv2DChecks(t *testing.T) {
	s := same(1, 4, 4, 2, 3, 3)
	x, w := s.data(rand.New(rand.NewPCG(96, 97)))
	out, work := make([]float32, 48), make([]float32, RoundedWork(s))
	run := func(change func(s *ConvShape, x, out, work *[]float32, w *Packed)) func() {
		s, x, out, work, packed := s, x, out, work, s.pack(w, Float32)
		change(&s, &x, &out, &work, &packed)
		return func() { RoundedConv2D(out, x, s, packed, Epilogue{}, work) }
	}
	for message, change := range map[string]func(s *ConvShape, x, out, work *[]float32, w *Packed){
		"short input":              func(_ *ConvShape, x, _, _ *[]float32, _ *Packed) { *x = (*x)[1:] },
		"short out":                func(_ *ConvShape, _, out, _ *[]float32, _ *Packed) { *out = (*out)[1:] },
		"short work space":         func(_ *ConvShape, _, _, work *[]float32, _ *Packed) { *work = (*work)[1:] },
		"weights in bfloat16":      func(_ *ConvShape, _, _, _ *[]float32, w *Packed) { w.Format = BFloat16 },
		"weights of another shape": func(s *ConvShape, _, _, _ *[]float32, _ *Packed) { s.KH = 2 },
		"of one pixel, or an odd number of channels": func(s *ConvShape, _, _, _ *[]float32, w *Packed) {
			s.InC, w.K = 1, 9
		},
	} {
		assert.PanicsWithValue(t, "kernel: rounded convolution: "+message, run(change))
	}
}

// BenchmarkRoundedConv2D has direct convolutions as they occur, in float32 and rounded.
func BenchmarkRoundedConv2D(b *testing.B) {
	down := func(n, size, in, out int) ConvShape {
		s := same(n, size, size, in, out, 3)
		s.Stride, s.OutH, s.OutW = 2, size/2, size/2
		return s
	}
	for _, s := range []ConvShape{
		same(2, 4, 4, 1280, 1280, 3), same(2, 4, 4, 2560, 1280, 3), same(1, 4, 4, 1280, 1280, 3),
		down(2, 32, 320, 320), down(2, 16, 640, 640), down(2, 8, 1280, 1280), down(2, 128, 320, 320), down(1, 512, 128, 128),
		same(2, 32, 32, 4, 320, 3), same(2, 32, 32, 320, 4, 3), same(1, 512, 512, 128, 3, 3), same(1, 256, 256, 64, 64, 3),
	} {
		x, weight := s.data(benchRNG)
		pixels := s.N * s.OutH * s.OutW
		out := make([]float32, pixels*s.OutC)
		ep := Epilogue{Bias: randoms(benchRNG, s.OutC)}
		flops := 2 * float64(pixels) * float64(9*s.InC) * float64(s.OutC)
		name := fmt.Sprintf("%dx%d-%d@%d,stride=%d", s.N, s.InC, s.OutC, s.H, s.Stride)
		w := s.pack(weight, Float16)
		b.Run(name+"/float32", func(b *testing.B) { bench(b, flops, Conv2D(out, x, s, w, ep)...) })
		b.Run(name+"/rounded", func(b *testing.B) {
			bench(b, flops, RoundedConv2D(out, x, s, w, ep, make([]float32, RoundedWork(s)))...)
		})
	}
}
