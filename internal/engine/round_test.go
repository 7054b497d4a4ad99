package engine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/engine"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// float32s is the processor, but all values are float32.
type float32s struct{ op.CPU }

func (float32s) Rounds() bool { return false }

// matrix adds a node with random weights [out in ...] that are packed in a format.
func matrix(g *G.ExprGraph, r *rand.Rand, name string, format kernel.Format, shape ...int) *G.Node {
	v := op.NewWeight(shape)
	out, in := shape[0], shape[1]
	packed := kernel.PackLinear(make([]float32, kernel.PackedLen(in, out, format)), random(r, v.Size()), out, in, format)
	v.Set(op.Arg{Packed: packed}, nil)
	return G.NewTensor(g, G.Float32, len(shape), G.WithShape(shape...), G.WithName(name), G.WithValue(v))
}

// layers makes graphs of operations that are named by what they are.
type layers struct {
	t *testing.T
	g *G.ExprGraph
	r *rand.Rand
	n int // weights
}

func (l *layers) try(n *G.Node, err error) *G.Node {
	require.NoError(l.t, err)
	return n
}

func (l *layers) matrix(format kernel.Format, shape ...int) *G.Node {
	l.n++
	return matrix(l.g, l.r, fmt.Sprint("w", l.n), format, shape...)
}

func (l *layers) vector(n int) *G.Node {
	l.n++
	return weight(l.g, l.r, fmt.Sprint("w", l.n), n)
}

func (l *layers) linear(x *G.Node, out int, format kernel.Format) *G.Node {
	return l.try(op.Linear(x, l.matrix(format, out, x.Shape()[x.Dims()-1]), l.vector(out)))
}

func (l *layers) norm(x *G.Node) *G.Node {
	d := x.Shape()[x.Dims()-1]
	return l.try(op.LayerNorm(x, l.vector(d), l.vector(d), 1e-5))
}

func (l *layers) groupNorm(x *G.Node) *G.Node {
	d := x.Shape()[x.Dims()-1]
	return l.try(op.GroupNorm(x, l.vector(d), l.vector(d), 2, 1e-5))
}

func (l *layers) conv(x *G.Node, out int, format kernel.Format) *G.Node {
	return l.try(op.Conv2D(x, l.matrix(format, out, x.Shape()[3], 1, 1), nil, 1, op.Padding{}))
}

// transformer is a block of a U-Net on images [N H W C], whose pixels are tokens.
func (l *layers) transformer(x *G.Node, format kernel.Format) *G.Node {
	s := x.Shape()
	d := s[3]
	h := l.conv(l.groupNorm(x), d, format)
	h = l.try(op.Reshape(h, s[0], s[1]*s[2], d))
	n := l.norm(h)
	q, k, v := l.linear(n, d, format), l.linear(n, d, format), l.linear(n, d, format)
	h = l.try(op.Add(h, l.linear(l.try(op.Attention(q, k, v, 2, false, true)), d, format)))
	inner := l.try(op.GEGLU(l.linear(l.norm(h), 8*d, format)))
	h = l.try(op.Add(h, l.linear(inner, d, format)))
	h = l.conv(l.try(op.Reshape(h, s...)), d, format)
	return l.try(op.Add(x, h))
}

// runBoth runs a graph with values in bfloat16 and without: the bytes are the same, and
// the memory is no larger. It returns the plan with them.
func runBoth(t *testing.T, inputs, outputs []*G.Node, data ...[]float32) *engine.Plan {
	t.Helper()
	eng, err := engine.New(&engine.Options{Threads: 2})
	require.NoError(t, err)
	defer eng.Close()
	run := func(target op.Target) (*engine.Plan, [][]float32) {
		plan, err := engine.NewPlanFor(target, inputs, outputs)
		require.NoError(t, err)
		var got [][]float32
		for _, n := range outputs {
			got = append(got, make([]float32, n.Shape().TotalSize()))
		}
		for range 2 { // the second run is on dirty memory
			require.NoError(t, eng.Run(t.Context(), plan, data, got))
		}
		return plan, got
	}
	wide, want := run(float32s{})
	plan, got := run(op.CPU{})
	require.Equal(t, want, got)
	require.LessOrEqual(t, plan.Bytes(), wide.Bytes())
	return plan
}

// What only products of bfloat16 read is so in memory: norms, attention's keys, values and
// output, GEGLU's, but not what is added to, nor queries, which are scaled before.
func TestRoundedValues(t *testing.T) {
	l := &layers{t: t, g: G.NewGraph(), r: rand.New(rand.NewPCG(1, 2))}
	x := input(l.g, "x", 2, 3, 4, 32)
	plan := runBoth(t, []*G.Node{x}, []*G.Node{l.transformer(x, kernel.BFloat16)}, random(l.r, 2*3*4*32))
	type value struct {
		operation string
		bytes     int64 // of the output
	}
	var have []value
	for _, a := range plan.Actions() {
		have = append(have, value{a.Operation.String(), a.Output})
	}
	const numbers = 2 * 3 * 4 * 32
	assert.Equal(t, []value{
		{"groupnorm {2 12 32 2} act none to bfloat16", 2 * numbers},
		{"conv 1×1/1 2×3×4×32→3×4×32 from bfloat16", 4 * numbers},
		{"layernorm 24×32 to bfloat16", 2 * numbers},
		{"linear 24×32→32+bias from bfloat16", 4 * numbers},
		{"linear 24×32→32+bias from and to bfloat16", 2 * numbers},
		{"linear 24×32→32+bias from and to bfloat16", 2 * numbers},
		{"attention 2×2 heads×16, 12×12, bfloat16 from and to bfloat16", 2 * numbers},
		{"linear 24×32→32+bias+residual from bfloat16", 4 * numbers},
		{"layernorm 24×32 to bfloat16", 2 * numbers},
		{"linear 24×32→256+bias+geglu from and to bfloat16", 2 * 4 * numbers},
		{"linear 24×128→32+bias+residual from bfloat16", 4 * numbers},
		{"conv 1×1/1 2×3×4×32→3×4×32+residual", 4 * numbers},
	}, have)

	l = &layers{t: t, g: G.NewGraph(), r: rand.New(rand.NewPCG(1, 2))}
	x = input(l.g, "x", 2, 3, 4, 32)
	for _, format := range []kernel.Format{kernel.Float32, kernel.Float16, kernel.Int8} {
		plan, err := engine.NewPlan([]*G.Node{x}, []*G.Node{l.transformer(x, format)})
		require.NoError(t, err)
		for _, a := range plan.Actions() {
			assert.NotRegexp(t, "(from|to) bfloat16", a.Operation.String(), format)
		}
	}
}

// Random stacks of layers give the same bytes with values in bfloat16, in no more memory.
func TestRoundedGraphs(t *testing.T) {
	formats := []kernel.Format{kernel.BFloat16, kernel.BFloat16, kernel.Float32, kernel.Int8}
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 4))
		l := &layers{t: t, g: G.NewGraph(), r: r}
		x := input(l.g, "x", 2, 3, 4, 16)
		values := []*G.Node{x}
		for range 3 + r.IntN(15) {
			n, format := values[r.IntN(len(values))], formats[r.IntN(len(formats))]
			tokens := l.try(op.Reshape(n, 2, 12, 16))
			switch r.IntN(7) {
			case 0:
				n = l.norm(n)
			case 1:
				n = l.groupNorm(n)
			case 2:
				n = l.conv(n, 16, format)
			case 3:
				n = l.linear(l.try(op.Activate(l.linear(n, 32, format), kernel.QuickGELU)), 16, format)
			case 4:
				n = l.try(op.Add(n, l.linear(n, 16, format)))
			case 5:
				n = l.linear(l.try(op.GEGLU(l.linear(n, 64, format))), 16, format)
			case 6:
				n = l.try(op.Reshape(l.try(op.Attention(tokens, l.linear(tokens, 16, format), tokens, 4, false, true)), 2, 3, 4, 16))
			}
			values = append(values, n)
		}
		outputs := []*G.Node{values[len(values)-1], values[1+r.IntN(len(values)-1)]}
		runBoth(t, []*G.Node{x}, outputs, random(r, 2*3*4*16))
	}
}

// One reader that wants float32 is enough, wherever it is.
func TestRoundedReaders(t *testing.T) {
	tests := []struct {
		name    string
		read    func(l *layers, n *G.Node) []*G.Node
		rounded bool
	}{
		{"a product", func(l *layers, n *G.Node) []*G.Node { return []*G.Node{l.linear(n, 8, kernel.BFloat16)} }, true},
		{"products", func(l *layers, n *G.Node) []*G.Node {
			return []*G.Node{l.linear(n, 8, kernel.BFloat16), l.linear(n, 7, kernel.BFloat16)}
		}, true},
		{"a product of a view of a view", func(l *layers, n *G.Node) []*G.Node {
			view := l.try(op.Reshape(l.try(op.Reshape(n, 2, 3, 4, 32)), 6, 4, 32))
			return []*G.Node{l.linear(n, 8, kernel.BFloat16), l.linear(view, 8, kernel.BFloat16)}
		}, true},
		{"a convolution of a pixel", func(l *layers, n *G.Node) []*G.Node {
			return []*G.Node{l.conv(l.try(op.Reshape(n, 2, 3, 4, 32)), 8, kernel.BFloat16)}
		}, true},
		{"a product of float32", func(l *layers, n *G.Node) []*G.Node {
			return []*G.Node{l.linear(n, 8, kernel.BFloat16), l.linear(n, 8, kernel.Float32)}
		}, false},
		{"a product of integers", func(l *layers, n *G.Node) []*G.Node { return []*G.Node{l.linear(n, 8, kernel.Int8)} }, false},
		{"a weight that is packed in every run", func(l *layers, n *G.Node) []*G.Node {
			l.n++
			return []*G.Node{l.try(op.Linear(n, weight(l.g, l.r, fmt.Sprint("w", l.n), 8, 32), nil))}
		}, false},
		{"a weight that comes with each run", func(l *layers, n *G.Node) []*G.Node {
			slot := G.NewTensor(l.g, G.Float32, 2, G.WithShape(8, 32), G.WithName("slot"), G.WithValue(op.NewSlot(0, 8, 32)))
			return []*G.Node{l.linear(n, 8, kernel.BFloat16), l.try(op.Linear(n, slot, nil))}
		}, false},
		{"a view of it", func(l *layers, n *G.Node) []*G.Node {
			view := l.try(op.Reshape(n, 24, 32))
			return []*G.Node{l.linear(n, 8, kernel.BFloat16), l.try(op.Activate(view, kernel.SiLU))}
		}, false},
		{"the residual of its own product", func(l *layers, n *G.Node) []*G.Node {
			return []*G.Node{l.try(op.Add(l.linear(n, 32, kernel.BFloat16), n))}
		}, false},
		{"attention", func(l *layers, n *G.Node) []*G.Node {
			return []*G.Node{l.try(op.Attention(n, n, n, 2, false, true))}
		}, false},
		{"the caller", func(l *layers, n *G.Node) []*G.Node { return []*G.Node{l.linear(n, 8, kernel.BFloat16), n} }, false},
		{"the caller, of a view", func(l *layers, n *G.Node) []*G.Node {
			return []*G.Node{l.linear(n, 8, kernel.BFloat16), l.try(op.Reshape(n, 24, 32))}
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := &layers{t: t, g: G.NewGraph(), r: rand.New(rand.NewPCG(1, 3))}
			x := input(l.g, "x", 2, 12, 32)
			plan, err := engine.NewPlan([]*G.Node{x}, tt.read(l, l.norm(x)))
			require.NoError(t, err)
			output := int64(4 * 2 * 12 * 32)
			if tt.rounded {
				output /= 2
			}
			assert.Equal(t, output, plan.Actions()[0].Output)
		})
	}
}
