package op_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/kernel"
	"sdgo/internal/op/optest"
)

// forwardTolerance is relative to the largest output: float32 rounding of sums of up to
// a thousand products, and of Winograd's transforms.
const forwardTolerance = 3e-6

// runners are the machines that compute a node from its inputs' values.
var runners = map[string]func(t *testing.T, in []*G.Node, values [][]float32, out *G.Node) []float32{
	"our machine":         onOurs(1),
	"two threads of ours": onOurs(2),
	"gorgonia's":          onTape,
}

func onOurs(threads int) func(*testing.T, []*G.Node, [][]float32, *G.Node) []float32 {
	return func(t *testing.T, in []*G.Node, values [][]float32, out *G.Node) []float32 {
		plan, err := engine.NewPlan(in, []*G.Node{out})
		require.NoError(t, err)
		eng, err := engine.New(&engine.Options{Threads: threads})
		require.NoError(t, err)
		y := make([]float32, out.Shape().TotalSize())
		require.NoError(t, eng.Run(t.Context(), plan, values, [][]float32{y}))
		return y
	}
}

func onTape(t *testing.T, in []*G.Node, values [][]float32, out *G.Node) []float32 {
	for i, n := range in {
		require.NoError(t, G.Let(n, engine.Tensor(values[i], n.Shape()...)))
	}
	var v G.Value
	G.Read(out, &v)
	tape := G.NewTapeMachine(in[0].Graph())
	defer tape.Close()
	require.NoError(t, tape.RunAll())
	return v.(*tensor.Dense).Float32s()
}

// winograd is the case whose convolution is Winograd's.
const winograd = "conv2d [5 6 128 128 3 1] {1 1 1 1 }"

// spreads has the operations whose work takes a NaN further than their definition: zero
// times NaN of a key that is not seen, or the other pixels of Winograd's tile.
var spreads = map[string]bool{"causal attention": true, winograd: true, "conv2d [5 6 128 128 3 1] {1 1 1 1 xy}": true}

// Every operation gives what its reference in float64 gives, on every machine with the
// same bytes, and NaN where that has NaN.
func TestOperations(t *testing.T) {
	t.Logf("%s %s", isaLog, kernel.ISA())
	for _, c := range optest.Cases() {
		if c.Reference == nil {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			for bad := -1; bad < len(c.Shapes); bad++ { // an input with a NaN, or none
				if _, fixed := c.Fixed[bad]; fixed {
					continue
				}
				values, wide := c.Values(bad)
				want := c.Reference(wide)
				var first []float32
				for name, run := range runners {
					in := nodes(c.Shapes...)
					out, err := c.Make(in)
					require.NoError(t, err)
					got := run(t, in, values, out)
					if first == nil {
						first = append(first, got...)
					}
					assert.Equal(t, bits(first), bits(got), name)
				}
				compareWithNaN(t, want, first, spreads[c.Name])
			}
		})
	}
}

func compareWithNaN(t *testing.T, want []float64, got []float32, spreads bool) {
	require.Len(t, got, len(want))
	var w, g []float32
	for i, v := range want {
		nan := got[i] != got[i]
		if math.IsNaN(v) != nan && !(nan && spreads) {
			t.Fatalf("at %d: have %v, want %v", i, got[i], v)
		}
		if !nan {
			w, g = append(w, float32(v)), append(g, got[i])
		}
	}
	golden.Close(t, w, g, forwardTolerance, "output")
}

// bits makes numbers comparable: all NaNs are one.
func bits(x []float32) []uint32 {
	b := make([]uint32, len(x))
	for i, v := range x {
		if b[i] = math.Float32bits(v); v != v {
			b[i] = math.Float32bits(float32(math.NaN()))
		}
	}
	return b
}
