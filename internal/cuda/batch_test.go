//go:build gpu && cgo && linux

package cuda_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/diffusion"
	"sdgo/internal/device"
	"sdgo/internal/golden"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// batches are samples by number: each has the same bytes wherever it is.
var batches = [][]int{{0}, {1, 0}, {0, 1, 0}, {2, 1, 0, 2, 0}}

// A sample has the same bytes alone and at any position in a batch, for operations of
// sizes for which the batch makes tiles and grids others.
func TestPositions(t *testing.T) {
	d := open(t)
	conv := func(in []*G.Node) (*G.Node, error) { return op.Conv2D(in[0], in[1], in[2], 1, op.Same(1)) }
	linear := func(in []*G.Node) (*G.Node, error) { return op.Linear(in[0], in[1], in[2]) }
	cases := []deviceCase{
		{"linear", [][]int{{1, 60, 144}, {60, 144}, {60}}, 1, nil, linear},
		{"linear, K split", [][]int{{1, 40, 1288}, {156, 1288}, {156}}, 1, nil, linear},
		{"conv", [][]int{{1, 6, 10, 16}, {124, 16, 3, 3}, {124}}, 1, nil, conv},
		{"group norm", [][]int{{1, 90, 1, 64}, {64}, {64}}, 1, nil, func(in []*G.Node) (*G.Node, error) { return op.GroupNorm(in[0], in[1], in[2], 8, 1e-5) }},
		{"layer norm", [][]int{{1, 13, 40}, {40}, {40}}, 1, nil, func(in []*G.Node) (*G.Node, error) { return op.LayerNorm(in[0], in[1], in[2], 1e-5) }},
		{"attention", [][]int{{1, 70, 80}, {1, 40, 80}, {1, 40, 80}}, 9, nil, func(in []*G.Node) (*G.Node, error) { return op.Attention(in[0], in[1], in[2], 2, false, false) }},
		{"geglu", [][]int{{1, 3, 88}}, 9, nil, func(in []*G.Node) (*G.Node, error) { return op.GEGLU(in[0]) }},
		{"add per channel, silu", [][]int{{1, 3, 5, 7}, {1, 7}}, 9, nil, func(in []*G.Node) (*G.Node, error) {
			y, err := op.AddPerChannel(in[0], in[1])
			if err != nil {
				return nil, err
			}
			return op.Activate(y, kernel.SiLU)
		}},
	}
	for _, typ := range []device.Type{device.F32, device.F16, device.BF16} {
		for _, sms := range []int{1, 132} { // one has other tiles for other batches
			target := op.Device{Target: d.Target(typ)}
			target.SMs = sms
			for _, c := range cases {
				var alone []float32
				for _, batch := range batches {
					out := c.batch(batch).run(t, engineOn(t, d), target, c.samples(batch, typ), d)
					size := len(out) / len(batch)
					if alone == nil {
						alone = out
					}
					for i, sample := range batch {
						if sample == 0 {
							assert.True(t, slices.Equal(alone, out[i*size:(i+1)*size]), "%v %s, sample %d of %v, %d multiprocessors", typ, c.name, i, batch, sms)
						}
					}
				}
			}
		}
	}
}

// batch is the case for so many samples.
func (c deviceCase) batch(samples []int) deviceCase {
	c.shapes = slices.Clone(c.shapes)
	for i := range min(c.weights, len(c.shapes)) {
		c.shapes[i] = append([]int{len(samples)}, c.shapes[i][1:]...)
	}
	return c
}

// samples are the values of the inputs for samples by number.
func (c deviceCase) samples(samples []int, typ device.Type) (values [][]float32) {
	for i, s := range c.shapes {
		var x []float32
		if i >= c.weights {
			x = normal(uint64(i), s...).Float32s()
		} else {
			for _, n := range samples {
				x = append(x, normal(uint64(100+10*n+i), s...).Float32s()...)
			}
		}
		if i < c.weights || len(s) > 1 {
			round(x, typ)
		}
		values = append(values, x)
	}
	return values
}

// A picture has the same bytes alone and at any position in a batch, in each precision.
func TestPictureInBatch(t *testing.T) {
	software(t)
	for _, precision := range []string{diffusion.Float32, ""} {
		pipe, err := diffusion.LoadFS(golden.Model(t, "tiny-sd15"), &diffusion.LoadOptions{Device: diffusion.CUDA(0), Precision: precision})
		require.NoError(t, err)
		var alone []byte
		for _, batch := range [][]int{{0}, {2, 1, 0, 0}} {
			var latents []float32
			for _, n := range batch {
				latents = append(latents, normal(uint64(n), 4, 4, 2).Float32s()...)
			}
			noise := tensor.New(tensor.WithShape(len(batch), 4, 4, 2), tensor.WithBacking(latents))
			result, err := pipe.TextToImage(t.Context(), "a", &diffusion.Options{Width: 16, Height: 32, Steps: 1, Images: len(batch), Latents: noise})
			require.NoError(t, err)
			if alone == nil {
				alone = result.Images[0].Pix
			}
			for i, n := range batch {
				assert.Equal(t, n == 0, slices.Equal(alone, result.Images[i].Pix), fmt.Sprint(precision, " picture ", i, " of ", batch))
			}
		}
		require.NoError(t, pipe.Close())
	}
}
