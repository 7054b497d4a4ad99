package device

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// On paper a launch takes no less than its roof, and on a card with less of everything
// more. The figures of cards are their data sheets'.
func TestPaper(t *testing.T) {
	var dense []float64
	for _, c := range Cards {
		dense = append(dense, c.target(F16).rate(true)/1e12)
	}
	assert.InDeltaSlice(t, []float64{71, 165, 312, 620}, dense, 1, "TFLOP/s of 16 bits by mma.sync")
	for _, typ := range []Type{F32, F16} {
		var before time.Duration
		for i := len(Cards) - 1; i >= 0; i-- {
			target := Cards[i].target(typ)
			list := Product{M: 8192, N: 320, K: 2880, Rows: 4096, Residual: 1}.Launches(target, 1)
			list = append(list, GroupNorm{N: 2, Pixels: 4096, C: 320, Groups: 32}.Launches(target, 1)...)
			list = append(list, Attention{Batch: 2, Heads: 8, HeadDim: 40, Queries: 4096, Keys: 4096, QStride: 320, KVStride: 320, OutStride: 320}.Launches(target)...)
			for _, l := range list {
				assert.Greater(t, l.Time(target), l.Roof(target), l.Kernel.Name)
				assert.Positive(t, l.Roof(target), l.Kernel.Name)
			}
			if typ == F16 {
				var sum time.Duration
				for _, l := range list {
					sum += l.Time(target)
				}
				assert.Greater(t, sum, before, Cards[i].Name)
				before = sum
			}
		}
	}
	p := Product{M: 8192, N: 640, K: 2880, Rows: 4096}
	assert.Equal(t, 2.*8192*640*2880, p.Launches(h100, 1)[0].Cost.FLOPs)
	assert.Equal(t, 2.*(8192*2880+640*2880+8192*640), p.Launches(h100, 1)[0].Cost.Bytes)
}
