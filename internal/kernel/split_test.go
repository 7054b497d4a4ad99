package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// normals are seeded random numbers.
func normals(seed uint64, n int) []float32 {
	return randoms(rand.New(rand.NewPCG(seed, 1)), n)
}

// splitCases are phases that are cut by the number of threads, on shapes that come out
// uneven: run makes them for an output of so many numbers.
var splitCases = []struct {
	name   string
	length int
	phases func(out []float32) []Phase
}{
	{"add", 3 * 50003, func(out []float32) []Phase {
		return []Phase{Add(out, normals(1, len(out)), normals(2, len(out)))}
	}},
	{"layer norm", 301 * 320, func(out []float32) []Phase {
		return []Phase{LayerNorm(out, normals(1, len(out)), 301, 320, normals(2, 320), normals(3, 320), 1e-5)}
	}},
	{"group norm", 2 * 451 * 320, func(out []float32) []Phase {
		s := NormShape{N: 2, Pixels: 451, C: 320, Groups: 32}
		return GroupNorm(out, normals(1, len(out)), s, normals(2, s.C), normals(3, s.C), 1e-5, SiLU, make([]float32, GroupNormWork(s)))
	}},
	{"winograd", 2 * 10 * 9 * 140, func(out []float32) []Phase {
		s := ConvShape{N: 2, H: 10, W: 9, InC: 272, OutC: 140, KH: 3, KW: 3, Stride: 1, PadTop: 1, PadLeft: 1, OutH: 10, OutW: 9}
		w := PackConv(make([]float32, PackedLen(9*s.InC, s.OutC, Float16)), normals(1, 9*s.InC*s.OutC), s.OutC, s.InC, 3, 3, Float16)
		return Winograd(out, normals(2, 2*10*9*s.InC), s, w, Epilogue{Bias: normals(3, s.OutC)}, make([]float32, WinogradWork(s)))
	}},
	{"winograd, many tiles", 32 * 33 * 70, func(out []float32) []Phase {
		s := ConvShape{N: 1, H: 32, W: 33, InC: 16, OutC: 70, KH: 3, KW: 3, Stride: 1, PadTop: 1, PadLeft: 1, OutH: 32, OutW: 33}
		w := PackConv(make([]float32, PackedLen(9*s.InC, s.OutC, Float32)), normals(1, 9*s.InC*s.OutC), s.OutC, s.InC, 3, 3, Float32)
		return Winograd(out, normals(2, 32*33*s.InC), s, w, Epilogue{}, make([]float32, WinogradWork(s)))
	}},
	{"attention", 2 * 200 * 3 * 40, func(out []float32) []Phase {
		s := AttentionShape{Batch: 2, Heads: 3, HeadDim: 40, Queries: 200, Keys: 300, QStride: 120, KStride: 120, VStride: 120, OutStride: 120, Scale: 0.2}
		return Attention(out, normals(1, 2*200*120), normals(2, 2*300*120), normals(3, 2*300*120), s, make([]float32, AttentionWork(s)))
	}},
	{"causal attention in bfloat16", 77 * 2 * 64, func(out []float32) []Phase {
		s := AttentionShape{Batch: 1, Heads: 2, HeadDim: 64, Queries: 77, Keys: 77, QStride: 128, KStride: 128, VStride: 128, OutStride: 128, Scale: 0.1, Causal: true, BFloat16: true}
		return Attention(out, normals(1, 77*128), normals(2, 77*128), normals(3, 77*128), s, make([]float32, AttentionWork(s)))
	}},
	{"product of few rows", 70 * 150, func(out []float32) []Phase {
		return []Phase{productOf(out, 70, 1400, 150, Float32, Epilogue{Bias: normals(3, 150), Act: SiLU})}
	}},
	{"product of few rows in float16, gated", 50 * 64, func(out []float32) []Phase {
		return []Phase{productOf(out, 50, 320, 128, Float16, Epilogue{Bias: normals(3, 128), Gated: true})}
	}},
	{"product of many rows", 1500 * 200, func(out []float32) []Phase {
		return []Phase{productOf(out, 1500, 640, 200, Float32, Epilogue{})}
	}},
	{"product in bfloat16", 154 * 768, func(out []float32) []Phase {
		return []Phase{productOf(out, 154, 768, 768, BFloat16, Epilogue{Residual: normals(3, len(out))})}
	}},
	{"product of integers", 100 * 150, func(out []float32) []Phase {
		return []Phase{productOf(out, 100, 640, 150, Int8, Epilogue{})}
	}},
}

func productOf(out []float32, m, k, n int, format Format, ep Epilogue) Phase {
	w := PackLinear(make([]float32, PackedLen(k, n, format)), normals(1, n*k), n, k, format)
	return Gemm(out, normals(2, m*k), m, w, ep)
}

// How phases are cut for a team does not change a bit, and each cut does everything in the
// scratch that it asks for.
func TestSplit(t *testing.T) {
	for _, c := range splitCases {
		t.Run(c.name, func(t *testing.T) {
			var want []float32
			cuts := map[string]bool{}
			for _, threads := range []int{1, 2, 3, 7, 32, 64} {
				out := make([]float32, c.length)
				for i := range out {
					out[i] = float32(math.NaN())
				}
				cut := ""
				for _, p := range c.phases(out) {
					p = p.For(threads)
					cut += fmt.Sprint(p.Tasks, " ")
					for task := p.Tasks - 1; task >= 0; task-- { // in another order than Serial
						p.Run(task, make([]float32, p.Scratch))
					}
				}
				cuts[cut] = true
				if want == nil {
					want = out
				}
				assert.True(t, slices.Equal(bytes(want), bytes(out)), "other bytes for %d threads", threads)
			}
			assert.Greater(t, len(cuts), 1, "one cut for any number of threads")
		})
	}
}

// A product's tasks come out even for many threads, and stay as they are for two.
func TestEvenly(t *testing.T) {
	for _, tt := range []struct{ blocks, tiles, bands, panels, threads, wantBlocks, wantBands int }{
		{68, 683, 1, 10, 32, 63, 1},   // two tasks for each thread in place of three for some
		{4, 13, 4, 24, 2, 4, 4},       // enough for two
		{300, 683, 1, 10, 32, 300, 1}, // many
		{1, 1, 40, 40, 32, 1, 40},     // no smaller parts
	} {
		g := grid{tiles: tt.tiles, panels: tt.panels, blocks: tt.blocks, bands: tt.bands}
		g.evenly(tt.threads)
		assert.Equal(t, [2]int{tt.wantBlocks, tt.wantBands}, [2]int{g.blocks, g.bands}, "%+v", tt)
	}
}
