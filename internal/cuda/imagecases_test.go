//go:build gpu && cgo && linux

package cuda_test

import (
	"math"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// imageCases is the part of the table with what filters, moves and scales images and
// tokens, in sizes that kernels move four numbers at a time in, and in others.
func imageCases() []deviceCase {
	one := func(f func(x *G.Node) (*G.Node, error)) func([]*G.Node) (*G.Node, error) {
		return func(in []*G.Node) (*G.Node, error) { return f(in[0]) }
	}
	slice := one(func(x *G.Node) (*G.Node, error) { return op.Slice(x, 2, 4, 8) })
	modulate := func(in []*G.Node) (*G.Node, error) { return op.Modulate(in[0], in[1]) }
	first := one(func(x *G.Node) (*G.Node, error) { return op.ScaleFirst(x, 4, 1.5) })
	low := one(func(x *G.Node) (*G.Node, error) { return op.ScaleLow(x, 0.2) })
	return []deviceCase{
		{"slice", [][]int{{2, 3, 20}}, 9, nil, slice},
		{"slice of odd sizes", [][]int{{2, 3, 13}}, 9, nil, slice},
		{"permute", [][]int{{2, 3, 2, 4, 3, 4}}, 9, nil, one(func(x *G.Node) (*G.Node, error) { return op.Permute(x, 0, 2, 4, 1, 3, 5) })},
		{"permute tokens", [][]int{{2, 35, 12}}, 9, nil, one(func(x *G.Node) (*G.Node, error) { return op.Permute(x, 0, 2, 1) })},
		{"reverse", [][]int{{2, 30, 3}}, 9, nil, one(func(x *G.Node) (*G.Node, error) { return op.Reverse(x, 3) })},
		{"halve", [][]int{{2, 5, 4, 8}}, 9, nil, one(op.Halve)},
		{"average pool", [][]int{{2, 5, 4, 8}}, 9, nil, one(op.AveragePool)},
		{"average pool, three channels", [][]int{{2, 5, 3, 3}}, 9, nil, one(op.AveragePool)},
		{"modulate", [][]int{{2, 3, 2, 12}, {2, 24}}, 9, nil, modulate},
		{"modulate, odd", [][]int{{2, 3, 2, 5}, {2, 10}}, 9, nil, modulate},
		{"scale first", [][]int{{5, 12}}, 9, nil, first},
		{"scale first, odd", [][]int{{5, 13}}, 9, nil, first},
		{"scale low", [][]int{{2, 6, 5, 40}}, 9, nil, low},
		{"scale low, odd", [][]int{{1, 4, 4, 35}}, 9, nil, low},
		{"blur", [][]int{{2, 42, 8}}, 9, nil, one(func(x *G.Node) (*G.Node, error) { return op.Blur(x, 7, 6, 0.8) })},
		{"blur, infinite", [][]int{{2, 42, 8}}, 9, nil, one(func(x *G.Node) (*G.Node, error) { return op.Blur(x, 7, 6, math.Inf(1)) })},
		{"mean of pixels", [][]int{{2, 6, 5, 40}}, 9, nil, one(meanPixels)},
		{"scale channels", [][]int{{2, 7, 12}, {12}}, 1, nil, func(in []*G.Node) (*G.Node, error) { return op.ScaleChannels(in[0], in[1]) }},
		{"scale and shift channels", [][]int{{2, 7, 5}, {5}, {5}}, 1, nil, func(in []*G.Node) (*G.Node, error) { return op.ScaleShift(in[0], in[1], in[2]) }},
		{"gate", [][]int{{70, 1}, {1}}, 1, nil, gate},
		{"gate, small", [][]int{{12, 1}, {1}}, 1, map[int][]float32{1: {0.003}}, gate},
		{"scale tokens", [][]int{{2, 7, 12}, {7}}, 9, nil, scaleTokens},
		{"merge tokens", [][]int{{2, 70, 5}, {2}}, 9, map[int][]float32{1: {7, 500}}, merged(7, 10, 35)},
		{"merge as many tokens as can be", [][]int{{1, 20, 300}, {1}}, 9, map[int][]float32{1: {981}}, merged(5, 4, 16)},
		{"merge tokens, more cells", [][]int{{1, 400, 8}, {1}}, 9, map[int][]float32{1: {981}}, merged(20, 20, 100)},
		{"quantize", [][]int{{2, 9, 16, 4}, {600, 4}}, 1, nil, func(in []*G.Node) (*G.Node, error) { return op.Quantize(in[0], in[1]) }},
		{"quantize, three numbers", [][]int{{2, 5, 3}, {70, 3}}, 1, nil, func(in []*G.Node) (*G.Node, error) { return op.Quantize(in[0], in[1]) }},
		{"nearest of a codebook", [][]int{{300, 8}, {256, 8}}, 1, nil, func(in []*G.Node) (*G.Node, error) { return op.NearestIndex(in[0], in[1]) }},
		{"conv around", [][]int{{2, 9, 7, 16}, {24, 16, 3, 3}, {24}}, 1, nil, around(9, 7, 1, op.Wrap{X: true, Y: true})},
		{"conv around, halves", [][]int{{1, 6, 5, 16}, {8, 16, 3, 3}, {8}}, 1, nil, around(6, 5, 2, op.Wrap{X: true})},
		{"upsample, conv around", [][]int{{1, 5, 4, 16}, {8, 16, 3, 3}, {8}}, 1, nil, around(10, 8, 1, op.Wrap{Y: true})},
		{"conv around of three channels", [][]int{{1, 5, 4, 3}, {8, 3, 3, 3}, {8}}, 1, nil, around(5, 4, 1, op.Wrap{X: true, Y: true})},
	}
}

// merged merges some of the tokens of h×w, puts them back and adds them to the others.
func merged(h, w, n int) func(in []*G.Node) (*G.Node, error) {
	return func(in []*G.Node) (*G.Node, error) {
		match, err := op.MatchTokens(in[0], in[1], h, w, n, 3)
		if err != nil {
			return nil, err
		}
		kept, err := match.Merge(in[0])
		if err != nil {
			return nil, err
		}
		back, err := match.Unmerge(kept)
		if err != nil {
			return nil, err
		}
		return op.Add(back, in[0])
	}
}

// meanPixels is large sums, whose means are not: nothing between may be too large a number.
func meanPixels(x *G.Node) (*G.Node, error) {
	large, err := op.Affine(x, 10, 10000)
	if err != nil {
		return nil, err
	}
	sum, err := op.SumPixels(large)
	if err != nil {
		return nil, err
	}
	mean, err := op.Affine(sum, 1.0/30, 0)
	if err != nil {
		return nil, err
	}
	return op.RepeatPixels(mean, x.Shape()...)
}

// gate multiplies by the tanh of a learned number.
func gate(in []*G.Node) (*G.Node, error) {
	gain, err := op.SoftClamp(in[1], 1)
	if err != nil {
		return nil, err
	}
	return op.ScaleChannels(in[0], gain)
}

// scaleTokens multiplies tokens by an input of the plan.
func scaleTokens(in []*G.Node) (*G.Node, error) {
	turned, err := op.Permute(in[0], 0, 2, 1)
	if err != nil {
		return nil, err
	}
	if turned, err = op.ScaleChannels(turned, in[1]); err != nil {
		return nil, err
	}
	return op.Permute(turned, 0, 2, 1)
}

// around is a convolution of an image, enlarged to h×w, that goes on with its other side.
func around(h, w, stride int, wrap op.Wrap) func(in []*G.Node) (*G.Node, error) {
	return func(in []*G.Node) (*G.Node, error) {
		x, err := in[0], error(nil)
		if s := x.Shape(); s[1] != h || s[2] != w {
			if x, err = op.Upsample(x, h, w); err != nil {
				return nil, err
			}
		}
		pad := op.Same(1)
		pad.Wrap = wrap
		return op.Conv2D(x, in[1], in[2], stride, pad)
	}
}
