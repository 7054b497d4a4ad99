//go:build gpu && cgo && linux

package cuda_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/engine"
	"sdgo/internal/op"
)

// Every tile of products and convolutions, which a card with one multiprocessor is given
// for these sizes, computes what the processor does. Package device's tests say which.
func TestTiles(t *testing.T) {
	d := open(t)
	eng, err := engine.New(&engine.Options{Threads: 1})
	require.NoError(t, err)
	for _, typ := range []device.Type{device.F16, device.BF16} {
		target := op.Device{Target: d.Target(typ)}
		target.SMs = 1
		if target.Arch < 80 && typ == device.BF16 {
			continue
		}
		for _, size := range []struct{ h, w, n int }{{6, 10, 60}, {10, 25, 60}, {10, 25, 124}, {10, 25, 156}} {
			rng := rand.New(rand.NewPCG(1, 2))
			shapes := [][]int{{1, size.h, size.w, 16}, {size.n, 16, 3, 3}, {size.n}}
			conv := deviceCase{"", shapes, 1, nil, func(in []*G.Node) (*G.Node, error) { return op.Conv2D(in[0], in[1], in[2], 1, op.Same(1)) }}
			shapes = [][]int{{1, size.h * size.w, 144}, {size.n, 144}, {size.n}}
			linear := deviceCase{"", shapes, 1, nil, func(in []*G.Node) (*G.Node, error) { return op.Linear(in[0], in[1], in[2]) }}
			for _, c := range []deviceCase{conv, linear} {
				values := make([][]float32, len(c.shapes))
				for i, s := range c.shapes {
					values[i] = make([]float32, tensor.Shape(s).TotalSize())
					for j := range values[i] {
						values[i][j] = float32(rng.NormFloat64())
					}
					round(values[i], typ)
				}
				want := c.run(t, eng, op.CPU{}, values, nil)
				compare(t, want, c.run(t, engineOn(t, d), target, values, d), tolerances[typ])
			}
		}
	}
}
