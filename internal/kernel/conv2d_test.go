package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// same is a stride-1 convolution that keeps the size.
func same(n, h, w, in, out, side int) ConvShape {
	return ConvShape{N: n, H: h, W: w, InC: in, OutC: out, KH: side, KW: side, Stride: 1,
		PadTop: side / 2, PadLeft: side / 2, OutH: h, OutW: w}
}

func runConv(t *testing.T, x, w []float32, s ConvShape, ep Epilogue) []float32 {
	t.Helper()
	return runConvIn(t, x, w, s, ep, Float32)
}

// runConvIn is runConv with weights in a format.
func runConvIn(t *testing.T, x, w []float32, s ConvShape, ep Epilogue, format Format) []float32 {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(s.H), uint64(s.W)))
	k := s.KH * s.KW * s.InC
	packed := PackConv(make([]float32, PackedLen(k, s.OutC, format)), w, s.OutC, s.InC, s.KH, s.KW, format)
	x, _ = guarded(x)
	out, check := guarded(make([]float32, s.N*s.OutH*s.OutW*s.OutC))
	runGuarded(t, rng, Conv2D(out, x, s, packed, ep)...)
	check(t)
	return out
}

func (s ConvShape) data(rng *rand.Rand) (x, w []float32) {
	return randoms(rng, s.N*s.H*s.W*s.InC), randoms(rng, s.OutC*s.InC*s.KH*s.KW)
}

// someShape draws a convolution with everything that occurs: strides, uneven
// padding, enlarging, filters that are not square, images that go on with their other side.
func someShape(rng *rand.Rand) ConvShape {
	s := ConvShape{
		N: 1 + rng.IntN(3), H: 1 + rng.IntN(12), W: 1 + rng.IntN(12), InC: 1 + rng.IntN(20),
		OutC: 1 + rng.IntN(50), KH: 1 + rng.IntN(4), KW: 1 + rng.IntN(4), Stride: 1 + rng.IntN(3),
		PadTop: rng.IntN(3), PadLeft: rng.IntN(3),
	}
	h, w := s.H, s.W
	if rng.IntN(3) == 0 {
		s.UpH, s.UpW = s.H+rng.IntN(2*s.H), s.W+rng.IntN(2*s.W)
		h, w = s.UpH, s.UpW
	}
	s.OutH = max(1, (h+s.PadTop+rng.IntN(3)-s.KH)/s.Stride+1)
	s.OutW = max(1, (w+s.PadLeft+rng.IntN(3)-s.KW)/s.Stride+1)
	s.WrapY, s.WrapX = rng.IntN(4) == 0, rng.IntN(4) == 0
	return s
}

func TestConv2DAgainstFloat64(t *testing.T) {
	shapes := []ConvShape{
		same(1, 1, 1, 1, 1, 1), same(2, 5, 7, 3, 4, 3), same(1, 8, 8, 32, 64, 3), same(1, 9, 4, 9, 33, 3),
		same(2, 6, 6, 8, 8, 1), same(1, 16, 16, 4, 3, 3),
		// The encoder of a VAE pads at the right and at the bottom only.
		{N: 1, H: 8, W: 10, InC: 5, OutC: 6, KH: 3, KW: 3, Stride: 2, OutH: 4, OutW: 5},
		// A pixel-unshuffling patch embedding.
		{N: 2, H: 8, W: 8, InC: 3, OutC: 16, KH: 4, KW: 4, Stride: 4, OutH: 2, OutW: 2},
	}
	eachISA(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(15, 16))
		for range 20 {
			shapes = append(shapes, someShape(rng))
		}
		for _, s := range shapes {
			x, w := s.data(rng)
			ep := someEpilogue(rng, s.N*s.OutH*s.OutW, s.OutC)
			requireClose(t, conv64(x, w, s, ep), runConv(t, x, w, s, ep), product64)
		}
	})
}

func TestConv2DSameBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	for range 40 {
		s := someShape(rng)
		x, w := s.data(rng)
		ep := someEpilogue(rng, s.N*s.OutH*s.OutW, s.OutC)
		var want []float32
		withISA(isaGeneric, func() { want = runConv(t, x, w, s, ep) })
		eachISA(t, func(t *testing.T) {
			requireSame(t, want, runConv(t, x, w, s, ep))
		})
	}
}

// Weights in half precision are what they are rounded to, whatever the chunks that K
// is cut into.
func TestConv2DFloat16(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	for _, s := range []ConvShape{
		same(1, 3, 4, 640, 40, 3), same(1, 2, 2, 333, 70, 3), same(1, 5, 5, 7, 100, 3), someShape(rng), someShape(rng),
	} {
		x, w := s.data(rng)
		rounded := slices.Clone(w)
		for i, v := range w {
			rounded[i] = float16ToFloat32(float32ToFloat16(v))
		}
		ep := someEpilogue(rng, s.N*s.OutH*s.OutW, s.OutC)
		eachISA(t, func(t *testing.T) {
			requireSame(t, runConv(t, x, rounded, s, ep), runConvIn(t, x, w, s, ep, Float16))
		})
	}
}

// A filter with a single one in the middle is the identity, and one beside it
// a shift that brings in zeros.
func TestConv2DDelta(t *testing.T) {
	s := same(2, 6, 5, 3, 3, 3)
	rng := rand.New(rand.NewPCG(19, 20))
	x, _ := s.data(rng)
	for dy := -1; dy <= 1; dy++ {
		for dx := -1; dx <= 1; dx++ {
			w := make([]float32, 3*3*3*3)
			for c := range 3 {
				w[((c*3+c)*3+1+dy)*3+1+dx] = 1
			}
			want := make([]float32, 0, len(x))
			s.each(func(n, oy, ox, o int) {
				v := float32(0)
				if at := s.input(n, oy+dy, ox+dx); at >= 0 {
					v = x[at+o]
				}
				want = append(want, v)
			})
			eachISA(t, func(t *testing.T) {
				assert.Equal(t, want, runConv(t, x, w, s, Epilogue{}))
			})
		}
	}
}

// Enlarging inside the convolution gives the bytes of enlarging before it.
func TestConv2DUpsample(t *testing.T) {
	for _, size := range [][2]int{{10, 12}, {7, 9}, {5, 6}, {15, 18}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			s := same(2, size[0], size[1], 4, 20, 3)
			s.H, s.W, s.UpH, s.UpW = 5, 6, size[0], size[1]
			x, w := s.data(rand.New(rand.NewPCG(21, 22)))
			large := same(2, size[0], size[1], 4, 20, 3)
			var enlarged []float32
			for n := range s.N {
				for y := range s.UpH {
					for xx := range s.UpW {
						enlarged = append(enlarged, x[s.input(n, y, xx):][:s.InC]...)
					}
				}
			}
			eachISA(t, func(t *testing.T) {
				requireSame(t, runConv(t, enlarged, w, large, Epilogue{}), runConv(t, x, w, s, Epilogue{}))
			})
		})
	}
}

// Taps that do not fit in one call of the assembly continue the same chain.
func TestConv2DManyChannels(t *testing.T) {
	s := same(1, 2, 2, chunkK/4+1, 3, 3)
	x, w := s.data(rand.New(rand.NewPCG(23, 24)))
	want := make([]float32, 0)
	s.each(func(n, oy, ox, o int) {
		sum := float32(0)
		for tap := range 9 {
			at := s.input(n, oy+tap/3-1, ox+tap%3-1)
			for i := range s.InC {
				if at >= 0 {
					sum = fma32(x[at+i], w[(o*s.InC+i)*9+tap], sum)
				}
			}
		}
		want = append(want, sum)
	})
	eachISA(t, func(t *testing.T) { requireSame(t, want, runConv(t, x, w, s, Epilogue{})) })
}

// An image's result does not depend on what shares its batch.
func TestConv2DBatch(t *testing.T) {
	s := same(3, 5, 5, 6, 40, 3)
	x, w := s.data(rand.New(rand.NewPCG(25, 26)))
	eachISA(t, func(t *testing.T) {
		all := runConv(t, x, w, s, Epilogue{})
		one := s
		one.N = 1
		for n := range s.N {
			requireSame(t, all[n*len(all)/3:][:len(all)/3], runConv(t, x[n*len(x)/3:][:len(x)/3], w, one, Epilogue{}))
		}
	})
}

func TestConv2DChecks(t *testing.T) {
	s := same(1, 4, 4, 2, 3, 3)
	x, w := s.data(rand.New(rand.NewPCG(27, 28)))
	packed := PackConv(make([]float32, PackedLen(18, 3, Float32)), w, 3, 2, 3, 3, Float32)
	out := make([]float32, 48)
	assert.PanicsWithValue(t, "kernel: conv2d: short input", func() { Conv2D(out, x[1:], s, packed, Epilogue{}) })
	assert.PanicsWithValue(t, "kernel: product: short out", func() { Conv2D(out[1:], x, s, packed, Epilogue{}) })
	s.KH = 2
	assert.PanicsWithValue(t, "kernel: conv2d: weights of another shape", func() { Conv2D(out, x, s, packed, Epilogue{}) })
}
