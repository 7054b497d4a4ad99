package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A task allocates nothing, whatever the operation.
func TestRunAllocatesNothing(t *testing.T) {
	conv := same(1, 9, 9, 16, 40, 3)
	heads := dense(1, 2, 40, 30, 50, true)
	x := make([]float32, 5000)
	w := PackLinear(make([]float32, PackedLen(144, 40, Float32)), make([]float32, 144*40), 40, 144, Float32)
	half := PackLinear(make([]float32, PackedLen(144, 40, Float16)), make([]float32, 144*40), 40, 144, Float16)
	merge := MergeShape{N: 1, H: 6, W: 6, C: 16, Merge: 9}
	ep := Epilogue{Bias: make([]float32, 40), PerSample: make([]float32, 200), Rows: 17, Act: GELU, Residual: x}
	operations := map[string][]Phase{
		"gemm":               {Gemm(x, x, 25, w, ep)},
		"float16":            {Gemm(x, x, 25, half, ep)},
		"conv2d":             Conv2D(x, x, conv, w, ep),
		"winograd":           Winograd(x, x, conv, w, ep, make([]float32, WinogradWork(conv))),
		"winograd, float16":  Winograd(x, x, conv, half, ep, make([]float32, WinogradWork(conv))),
		"match":              MatchTokens(x, x, x, merge, make([]float32, MatchTokensWork(merge))),
		"merge":              {MergeTokens(x, x, make([]float32, 36), merge)},
		"attention":          Attention(x, x, x, x, heads, make([]float32, AttentionWork(heads))),
		"attention, rounded": Attention(x, x, x, x, heads.rounded(), make([]float32, AttentionWork(heads.rounded()))),
	}
	for name, phases := range operations {
		for _, p := range phases {
			scratch := make([]float32, p.Scratch)
			assert.Zero(t, testing.AllocsPerRun(3, func() { p.Run(p.Tasks-1, scratch) }), name)
		}
	}
}
