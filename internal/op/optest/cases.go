// Package optest is the table of tests of package op, for all machines and targets that
// compute its operations.
package optest

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// Case is an operation on one set of shapes, with its float64 reference.
type Case struct {
	Name   string
	Shapes [][]int
	Fixed  map[int][]float32 // inputs without a derivative
	Make   func(in []*G.Node) (*G.Node, error)

	// Reference computes the output in float64. Nil stands for the operation itself,
	// which must be linear then and is only differentiated.
	Reference func(in [][]float64) []float64
}

// tail is two vectors of 16 numbers and a part of one.
const tail = 37

// Cases is the table of tests. In one piece: a row is a few lines.
func Cases() []Case {
	one := func(f func(x *G.Node) (*G.Node, error)) func([]*G.Node) (*G.Node, error) {
		return func(in []*G.Node) (*G.Node, error) { return f(in[0]) }
	}
	cases := []Case{
		{"linear", [][]int{{2, 3, 5}, {4, 5}, {4}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.Linear(in[0], in[1], in[2]) }, refLinear(5, 4)},
		{"linear without bias", [][]int{{7, 33}, {35, 33}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.Linear(in[0], in[1], nil) }, refLinear(33, 35)},
		{"attention", [][]int{{2, 3, 8}, {2, 19, 8}, {2, 19, 8}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.Attention(in[0], in[1], in[2], 2, false, false) }, refAttention(2, 3, 19, 2, 4, false)},
		{"causal attention", [][]int{{1, 18, 6}, {1, 18, 6}, {1, 18, 6}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.Attention(in[0], in[1], in[2], 2, true, false) }, refAttention(1, 18, 18, 2, 3, true)},
		{"masked attention", [][]int{{2, 35, 8}, {2, 5, 8}, {2, 5, 8}, {2, 5}}, map[int][]float32{3: {0, 1, 0, 1, 1, 1, 0, 0, 0, 0}},
			func(in []*G.Node) (*G.Node, error) { return op.MaskedAttention(in[0], in[1], in[2], in[3], 2, false) }, refAttention(2, 35, 5, 2, 4, false)},
		{"group norm", [][]int{{2, 3, 2, 6}, {6}, {6}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.GroupNorm(in[0], in[1], in[2], 3, 1e-5) }, refNorm(kernel.NormShape{N: 2, Pixels: 6, C: 6, Groups: 3})},
		{"group norm, tails", [][]int{{2, 3, 5, 2 * tail}, {2 * tail}, {2 * tail}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.GroupNorm(in[0], in[1], in[2], 2, 1e-5) }, refNorm(kernel.NormShape{N: 2, Pixels: 15, C: 2 * tail, Groups: 2})},
		{"layer norm", [][]int{{2, 3, tail}, {tail}, {tail}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.LayerNorm(in[0], in[1], in[2], 1e-5) }, refNorm(kernel.NormShape{N: 6, Pixels: 1, C: tail, Groups: 1})},
		{"geglu", [][]int{{3, 2 * tail}}, nil, one(op.GEGLU), refGEGLU(3, tail)},
		{"timesteps", [][]int{{3}}, nil,
			one(func(x *G.Node) (*G.Node, error) { return op.Timesteps(x, 9, true, 1) }), refTimesteps(9)},
		{"affine", [][]int{{3, tail}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.Affine(x, 2, -1) }), refEach(func(in [][]float64, i int) float64 { return 2*in[0][i] - 1 })},
		{"soft clamp", [][]int{{3, tail}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.SoftClamp(x, 3) }), refEach(func(in [][]float64, i int) float64 { return 3 * math.Tanh(in[0][i]/3) })},
		{"add", [][]int{{3, tail}, {3, tail}}, nil, func(in []*G.Node) (*G.Node, error) { return op.Add(in[0], in[1]) }, refEach(func(in [][]float64, i int) float64 { return in[0][i] + in[1][i] })},
		{"add to itself", [][]int{{3, tail}}, nil, func(in []*G.Node) (*G.Node, error) { return op.Add(in[0], in[0]) }, refEach(func(in [][]float64, i int) float64 { return 2 * in[0][i] })},
		{"add per channel", [][]int{{2, 3, 2, tail}, {2, tail}}, nil, func(in []*G.Node) (*G.Node, error) { return op.AddPerChannel(in[0], in[1]) }, refEach(func(in [][]float64, i int) float64 { return in[0][i] + in[1][i/(6*tail)*tail+i%tail] })},
		{"concat", [][]int{{2, 3}, {2, 5}}, nil, func(in []*G.Node) (*G.Node, error) { return op.Concat(in[0], in[1]) }, refConcat(3, 5)},
		{"reshape", [][]int{{2, 6}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.Reshape(x, 3, 4) }), refPick(12, func(i int) int { return i })},
		{"upsample", [][]int{{2, 2, 3, 3}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.Upsample(x, 5, 6) }), refPick(2*5*6*3, func(i int) int { return ((i/90*2+i/18%5*2/5)*3+i/3%6*3/6)*3 + i%3 })},
		{"channels last", [][]int{{2, 3, 2, 2}}, nil, one(op.ChannelsLast), refPick(24, func(i int) int { return i/12*12 + i%3*4 + i%12/3 })},
		{"channels first", [][]int{{2, 3, 2, 2}}, nil, one(op.ChannelsFirst), refPick(24, func(i int) int { return i/12*12 + i%6*2 + i%12/6 })},
		{"halve", [][]int{{2, 5, 4, 3}}, nil, one(op.Halve), refHalve(5, 4, 3)},
		{"modulate", [][]int{{2, 3, 2, tail}, {2, 2 * tail}}, nil, func(in []*G.Node) (*G.Node, error) { return op.Modulate(in[0], in[1]) }, refModulate(6, tail)},
		{"embed", [][]int{{2, 3}, {7, 4}, {5, 4}}, map[int][]float32{0: {6, 0, 2, 2, 1, 6}},
			func(in []*G.Node) (*G.Node, error) { return op.Embed(in[0], in[1], in[2]) }, refEmbed(3, 4)},
		{"gather", [][]int{{2, 3, 4}, {2}}, map[int][]float32{1: {2, 0}},
			func(in []*G.Node) (*G.Node, error) { return op.Gather(in[0], in[1]) }, refGather(3, 4)},
		{"merge and unmerge tokens", [][]int{{2, 16, 3}, {2, 16, 3}, {2}}, map[int][]float32{1: Randoms(96), 2: {7, 500}}, mergeBoth, nil},
		{"permute", [][]int{{2, 3, 4, 5}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.Permute(x, 2, 0, 3, 1) }), refPick(120, func(i int) int { // [4 2 5 3] of [2 3 4 5]
			a, b, c, d := i/30, i/15%2, i/3%5, i%3
			return ((b*3+d)*4+a)*5 + c
		})},
		{"reverse", [][]int{{2, 6}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.Reverse(x, 3) }), refPick(12, func(i int) int { return i/3*3 + 2 - i%3 })},
		{"slice", [][]int{{2, 5, 3}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.Slice(x, 1, 1, 3) }), refPick(18, func(i int) int { return i/9*15 + 3 + i%9 })},
		{"pad", [][]int{{2, 3}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.Pad(x, 0, 2, 7) }), refPick(21, func(i int) int {
			if i < 6 || i >= 12 {
				return -1
			}
			return i - 6
		})},
		{"dilate", [][]int{{2, 3, 2, 3}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.Dilate(x, 3) }), refPick(2*7*4*3, func(i int) int {
			y, x := i/12%7, i/3%4
			if y%3 != 0 || x%3 != 0 {
				return -1
			}
			return ((i/84*3+y/3)*2+x/3)*3 + i%3
		})},
		{"sum pixels", [][]int{{2, 3, 2, 70}}, nil, one(op.SumPixels), refSum(6, 70)},
		{"repeat pixels", [][]int{{2, 5}}, nil, one(func(x *G.Node) (*G.Node, error) { return op.RepeatPixels(x, 2, 3, 2, 5) }), refPick(60, func(i int) int { return i/30*5 + i%5 })},
		{"average pool", [][]int{{2, 4, 6, tail}}, nil, one(op.AveragePool), refPool(4, 6, tail)},
		{"average pool, odd", [][]int{{2, 5, 3, 2}}, nil, one(op.AveragePool), refPool(5, 3, 2)},
		{"unpack", [][]int{{5, 4}}, nil, one(op.Unpack), refPick(20, func(i int) int { return i })},
		{"multiply", [][]int{{3, tail}, {3, tail}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.Multiply(in[0], in[1]) },
			refEach(func(in [][]float64, i int) float64 { return in[0][i] * in[1][i] })},
		{"scale channels", [][]int{{2, 3, tail}, {tail}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.ScaleChannels(in[0], in[1]) },
			refEach(func(in [][]float64, i int) float64 { return in[0][i] * in[1][i%tail] })},
		{"scale and shift channels", [][]int{{2, 3, tail}, {tail}, {tail}}, nil,
			func(in []*G.Node) (*G.Node, error) { return op.ScaleShift(in[0], in[1], in[2]) },
			refEach(func(in [][]float64, i int) float64 { return in[0][i]*in[1][i%tail] + in[2][i%tail] })},
	}
	cases = append(cases, spatial()...)
	// The adjoints of linear operations are linear, too, and have derivatives of their
	// own. Input 0 is the derivative d by the output here.
	for _, c := range []struct {
		name   string
		d, x   []int
		linear func(x *G.Node) (*G.Node, error)
	}{
		{"dilate", []int{2, 3, 3, 3}, []int{2, 2, 2, 3}, func(x *G.Node) (*G.Node, error) { return op.Dilate(x, 2) }},
		{"sum pixels", []int{2, 5}, []int{2, 3, 5}, op.SumPixels},
		{"upsample", []int{1, 5, 4, 2}, []int{1, 2, 3, 2}, func(x *G.Node) (*G.Node, error) { return op.Upsample(x, 5, 4) }},
		{"average pool", []int{1, 2, 3, 2}, []int{1, 3, 5, 2}, op.AveragePool},
		{"permute", []int{4, 2, 3}, []int{2, 3, 4}, func(x *G.Node) (*G.Node, error) { return op.Permute(x, 2, 0, 1) }},
	} {
		cases = append(cases, Case{"adjoint of " + c.name, [][]int{c.d}, nil, adjoint(c.linear, c.x), nil})
	}
	// The derivative by a convolution's weight goes through patches of x.
	cases = append(cases, Case{"derivative by a filter", [][]int{{2, 5, 4, 3}}, nil,
		func(in []*G.Node) (*G.Node, error) {
			weight, d := extra(in[0], "weight", 2, 3, 3, 3), extra(in[0], "d", 2, 3, 2, 2)
			y, err := op.Conv2D(in[0], weight, nil, 2, op.Same(1))
			if err != nil {
				return nil, err
			}
			all, err := y.Op().(G.SDOp).SymDiff(G.Nodes{in[0], weight}, y, d)
			return all[1], err
		}, nil})
	for act, f := range map[kernel.Activation]func(x float64) float64{
		kernel.SiLU: silu64, kernel.GELU: gelu64, kernel.QuickGELU: func(x float64) float64 { return x / (1 + math.Exp(-1.702*x)) },
		kernel.ReLU: func(x float64) float64 { return max(x, 0) },
	} {
		cases = append(cases, Case{fmt.Sprint("activation ", act), [][]int{{3, tail}}, nil,
			one(func(x *G.Node) (*G.Node, error) { return op.Activate(x, act) }),
			refEach(func(in [][]float64, i int) float64 { return f(in[0][i]) })})
	}
	for _, c := range []struct {
		h, w, in, out, k, stride int
		pad                      op.Padding
	}{
		{5, 6, 3, 4, 3, 1, op.Same(1)}, {4, 5, 5, 2, 1, 1, op.Padding{}}, {6, 7, 3, 4, 3, 2, op.Same(1)},
		{6, 6, 3, 4, 3, 2, op.Padding{Bottom: 1, Right: 1}}, {5, 6, 128, 128, 3, 1, op.Same(1)},
		{8, 8, 4, 3, 8, 8, op.Padding{}}, // patches, as of an image encoder
		{5, 6, 3, 4, 3, 1, around(true, false)}, {5, 6, 3, 4, 3, 1, around(false, true)}, {5, 6, 128, 128, 3, 1, around(true, true)},
		{6, 7, 3, 4, 3, 2, around(true, true)}, {7, 6, 3, 4, 3, 2, around(true, true)},
	} {
		shapes := [][]int{{2, c.h, c.w, c.in}, {c.out, c.in, c.k, c.k}, {c.out}}
		cases = append(cases, Case{fmt.Sprintf("conv2d %v %v", []int{c.h, c.w, c.in, c.out, c.k, c.stride}, c.pad), shapes, nil,
			func(in []*G.Node) (*G.Node, error) { return op.Conv2D(in[0], in[1], in[2], c.stride, c.pad) },
			refConv(c.h, c.w, c.in, c.out, c.k, c.stride, c.pad)})
	}
	return cases
}

// around is a padding of one with the image's other side in some directions.
func around(x, y bool) op.Padding {
	pad := op.Same(1)
	pad.Wrap = op.Wrap{X: x, Y: y}
	return pad
}

// mergeBoth merges the tokens of input 0 as those of input 1 are matched, and puts them
// back.
func mergeBoth(in []*G.Node) (*G.Node, error) {
	match, err := op.MatchTokens(in[1], in[2], 4, 4, 9, 3)
	if err != nil {
		return nil, err
	}
	kept, err := match.Merge(in[0])
	if err != nil {
		return nil, err
	}
	return match.Unmerge(kept)
}
