package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/ggml"
)

// storedTypes are types with blocks of 1, 32 and 256 numbers, with and without assembly.
var storedTypes = []ggml.Type{ggml.BF16, ggml.Q8_0, ggml.Q4_0, ggml.Q5_1, ggml.Q4_K, ggml.Q6_K}

// storedNumbers draws n numbers of a type, of which the last block may have more, and
// returns what memory holds and what they are.
func storedNumbers(rng *rand.Rand, n int, t ggml.Type) (data, numbers []float32) {
	block, size := t.Block()
	blocks := ceilDiv(n, block)
	data, numbers = make([]float32, StoredLen(blocks*block, t)), make([]float32, blocks*block)
	for i := range blocks {
		src, dst := bytes(data)[i*size:][:size], numbers[i*block:][:block]
		for ok := false; !ok; { // until they are of about one magnitude
			for j := range src {
				src[j] = byte(rng.Uint32())
			}
			t.Dequantize(dst, src)
			most := largestGeneric(dst)
			ok = most < 1e4 && most > 1e-4
		}
	}
	return data, numbers[:n]
}

// Numbers that are widened are those of package ggml, from anywhere to anywhere.
func TestWidenStored(t *testing.T) {
	for _, kind := range append(storedTypes, ggml.F16, ggml.Q8_K) {
		rng := rand.New(rand.NewPCG(uint64(kind), 90))
		data, want := storedNumbers(rng, 1200, kind)
		eachISA(t, func(t *testing.T) {
			for _, r := range [][2]int{{0, 1200}, {0, 1}, {31, 34}, {33, 63}, {250, 770}, {1199, 1200}, {256, 512}, {7, 1193}} {
				got, check := guarded(make([]float32, r[1]-r[0]))
				LoadStored(got, data, r[0], kind)
				check(t)
				requireSame(t, want[r[0]:r[1]], got)
			}
		})
	}
}

// A product with weights that are stored has the bytes of one with the same numbers
// packed as float32, or as bfloat16.
func TestGemmStored(t *testing.T) {
	for _, format := range []Format{Float32, BFloat16} {
		for i, s := range append(roundedShapes, struct{ m, n, k int }{5, 64, 2600}, struct{ m, n, k int }{40, 96, 1328}) {
			for _, kind := range storedTypes {
				rng := rand.New(rand.NewPCG(uint64(i), 91))
				ep := someEpilogue(rng, s.m, s.n)
				a := randoms(rng, s.m*s.k)
				data, numbers := storedNumbers(rng, s.n*s.k, kind)
				t.Run(fmt.Sprintf("%v %v %dx%dx%d %v", format, kind, s.m, s.k, s.n, ep), func(t *testing.T) {
					block, _ := kind.Block()
					if s.n*s.k%block != 0 {
						assert.Panics(t, func() { StoredLen(s.n*s.k, kind) })
						return
					}
					want := runGemmIn(t, a, numbers, s.m, s.n, s.k, ep, format)
					eachDots(t, func(t *testing.T) {
						_, cols := ep.halves(s.n)
						out, check := guarded(make([]float32, s.m*cols))
						runGuarded(t, rng, Gemm(out, a, s.m, Packed{K: s.k, N: s.n, Format: format, Stored: kind, Data: data}, ep))
						check(t)
						requireSame(t, want, out)
					})
				})
			}
		}
	}
}

// storedShapes are convolutions by one or several chunks of K, also with filters whose
// blocks belong to two of them.
func storedShapes() []ConvShape {
	stride := same(1, 9, 8, 160, 33, 3)
	stride.Stride, stride.OutH, stride.OutW = 2, 5, 4
	stride2 := same(2, 4, 4, 32, 64, 3)
	stride2.Stride, stride2.OutH, stride2.OutW = 2, 2, 2
	return []ConvShape{same(1, 5, 6, 32, 8, 3), same(2, 9, 7, 256, 64, 3), same(1, 4, 4, 144, 16, 3), same(1, 5, 5, 64, 40, 1), stride, stride2}
}

func TestConvStored(t *testing.T) {
	for i, s := range storedShapes() {
		for _, kind := range storedTypes {
			rng := rand.New(rand.NewPCG(uint64(i), 92))
			x, w := s.data(rng)
			data, numbers := storedNumbers(rng, len(w), kind)
			if block, _ := kind.Block(); len(w)%block != 0 {
				continue
			}
			packed := Packed{K: s.KH * s.KW * s.InC, N: s.OutC, Stored: kind, Taps: s.KH * s.KW, Data: data}
			ep := someEpilogue(rng, s.N*s.OutH*s.OutW, s.OutC)
			t.Run(fmt.Sprintf("%v %d", kind, i), func(t *testing.T) {
				want := runConv(t, x, numbers, s, ep)
				unpacked := make([]float32, len(w))
				Serial(Unpack(unpacked, packed, s.OutC, s.InC, s.KH*s.KW))
				requireSame(t, numbers, unpacked)
				eachISA(t, func(t *testing.T) {
					out, check := guarded(make([]float32, len(want)))
					runGuarded(t, rng, Conv2D(out, x, s, packed, ep)...)
					check(t)
					requireSame(t, want, out)
					if s.Winograd() {
						want := runWinograd(t, x, numbers, s, ep)
						out, check := guarded(make([]float32, len(want)))
						runGuarded(t, rng, Winograd(out, x, s, packed, ep, make([]float32, WinogradWork(s)))...)
						check(t)
						requireSame(t, want, out)
					}
				})
			})
		}
	}
}

// A table's rows are found within blocks.
func TestTableStored(t *testing.T) {
	const rows, d = 16, 48
	for _, kind := range storedTypes {
		data, numbers := storedNumbers(rand.New(rand.NewPCG(93, 94)), rows*d, kind)
		want, got := make([]float32, 3*d), make([]float32, 3*d)
		ids := []float32{5, 0, 15}
		Serial(Embed(want, ids, Table{Data: numbers}, 3, rows, d, nil, 0), Embed(got, ids, Table{Stored: kind, Data: data}, 3, rows, d, nil, 0))
		requireSame(t, want, got)
	}
}

func TestStoredChecks(t *testing.T) {
	data := make([]float32, StoredLen(64*32, ggml.Q8_0))
	w := Packed{K: 64, N: 32, Stored: ggml.Q8_0, Data: data}
	out, a := make([]float32, 32), make([]float32, 64)
	require.NotPanics(t, func() { Gemm(out, a, 1, w, Epilogue{}) })
	w.Taps = 4
	assert.PanicsWithValue(t, "kernel: product: stored weights of other taps", func() { Gemm(out, a, 1, w, Epilogue{}) })
	w.Taps, w.Format = 1, Int8
	assert.PanicsWithValue(t, "kernel: product: stored weights for integers", func() { Gemm(out, a, 1, w, Epilogue{}) })
	w.Format, w.Data = Float32, data[1:]
	assert.PanicsWithValue(t, "kernel: product: short weights", func() { Gemm(out, a, 1, w, Epilogue{}) })
}
