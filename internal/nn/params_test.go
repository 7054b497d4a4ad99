package nn

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
	"sdgo/internal/weights"
	"sdgo/safetensors/checkpoint"
)

// memory returns a checkpoint of vectors.
func memory(t *testing.T, vectors map[string][]float32) checkpoint.Source {
	t.Helper()
	tensors := make(map[string]*tensor.Dense)
	for name, x := range vectors {
		tensors[name] = tensor.New(tensor.WithShape(len(x)), tensor.WithBacking(x))
	}
	src, err := checkpoint.New(nil, tensors)
	require.NoError(t, err)
	return src
}

// load loads what ask asks of a checkpoint.
func load[T any](t *testing.T, src checkpoint.Source, format kernel.Format, ask func(p *Params) T) T {
	t.Helper()
	eng, err := engine.New(&engine.Options{Threads: 1})
	require.NoError(t, err)
	p := NewParams("net", src, format)
	asked := ask(p)
	require.NoError(t, p.Check("net"))
	ws, err := weights.Load(t.Context(), "net", src, p.All(), eng, nil)
	require.NoError(t, err)
	t.Cleanup(ws.Close)
	return asked
}

func TestParamsReportAllProblems(t *testing.T) {
	p := NewParams("net", memory(t, map[string][]float32{"norm.weight": make([]float32, 3)}), kernel.Float32)
	p.At("norm").vector("weight", 4)
	p.At("blocks.%d", 2).Linear("out", 2, 3)
	assert.EqualError(t, p.Check("net"), "net: 3 problems with the weights:\n"+
		"\tnorm.weight: have shape [3], want [4]\n"+
		"\tblocks.2.out.weight: missing, want [3 2]\n"+
		"\tblocks.2.out.bias: missing, want [3]")
}

// Two models of one kind on one graph keep their weights apart.
func TestParamsOfTwoModels(t *testing.T) {
	expr := G.NewGraph()
	for i := range 2 {
		norm := load(t, memory(t, map[string][]float32{"norm.weight": {float32(i)}, "norm.bias": {0}}), kernel.Float32, func(p *Params) *LayerNorm {
			return p.LayerNorm("norm", 1, 1e-5)
		})
		g := NewGraph(expr)
		gamma := g.param(norm.gamma)
		assert.Equal(t, []float32{float32(i)}, gamma.Value().Data())
		assert.Same(t, gamma, g.param(norm.gamma))
	}
	assert.Len(t, expr.AllNodes(), 2)
}

// numbers is a checkpoint whose tensors hold one number, everywhere.
type numbers struct {
	checkpoint.Source // of which loading needs no more
	values            map[string]float32
}

func (c numbers) Tensor(name string) ([]int, string, bool) {
	shape, ok := map[string][]int{
		"linear.weight": {40, 8}, "odd.weight": {40, 7}, "exact.weight": {40, 8}, "conv.weight": {40, 8, 3, 3},
		"point.weight": {40, 8, 1, 1},
	}[name]
	if strings.HasSuffix(name, ".bias") {
		return []int{40}, "F32", true
	}
	return shape, "F32", ok
}
func (c numbers) Names() []string { return nil }
func (c numbers) Float32s(name string, from int, dst []float32) error {
	for i := range dst {
		dst[i] = c.values[name]
	}
	return nil
}
func (c numbers) Release(string) {}
func (c numbers) Changed() error { return nil }

// The precision of a model, and what of it each layer can have: convolutions of
// several pixels, odd widths and layers that are to be precise keep float32 factors,
// and weights too large for half precision stay float32.
func TestFormats(t *testing.T) {
	const f32, f16, bf16, i8 = kernel.Float32, kernel.Float16, kernel.BFloat16, kernel.Int8
	tests := []struct {
		precision, linear, odd, exact, conv, point kernel.Format
	}{
		{f32, f32, f32, f32, f32, f32},
		{f16, f16, f16, f16, f32, f16},
		{bf16, bf16, f16, f16, f32, bf16},
		{i8, i8, f16, f16, f32, i8},
	}
	for _, tt := range tests {
		src := numbers{values: map[string]float32{"linear.weight": 1, "odd.weight": 1, "exact.weight": 2, "conv.weight": 65505, "point.weight": 3}}
		var linear, odd, exact *Linear
		var conv, point *Conv2D
		load(t, src, tt.precision, func(p *Params) error {
			linear, odd, exact = p.Linear("linear", 8, 40), p.Linear("odd", 7, 40), p.Precise().Linear("exact", 8, 40)
			conv, point = p.Conv3x3("conv", 8, 40), p.Conv1x1("point", 8, 40)
			return nil
		})
		for what, x := range map[string]struct {
			w    *weights.Param
			want kernel.Format
		}{
			"linear": {linear.weight, tt.linear}, "odd": {odd.weight, tt.odd}, "exact": {exact.weight, tt.exact},
			"conv": {conv.weight, tt.conv}, "point": {point.weight, tt.point},
		} {
			assert.Equal(t, x.want, x.w.Format, "%s: %s", tt.precision, what)
		}
	}
}

// Which convolutions round their factors: those of a model in bfloat16 but Winograd's, which
// do in deep layers, all of one in integers, and none with few channels or where layers are
// to be precise.
func TestFactors(t *testing.T) {
	for _, tt := range []struct {
		precision, limit kernel.Format
		want             op.Factors
	}{
		{kernel.Float32, kernel.Int8, op.Exact}, {kernel.Float16, kernel.Int8, op.Exact},
		{kernel.BFloat16, kernel.Int8, op.RoundDirect}, {kernel.Int8, kernel.Int8, op.RoundWinograd},
		{kernel.Int8, kernel.BFloat16, op.RoundDirect}, {kernel.BFloat16, kernel.BFloat16, op.RoundDirect},
	} {
		p := NewParams("net", numbers{}, tt.precision)
		p.Limit(tt.limit)
		conv, last, exact := p.Conv3x3("wide", 16, 16), p.Conv3x3("last", 16, 4), p.Precise().Conv3x3("exact", 16, 16)
		assert.Equal(t, tt.want, conv.factors, "%v, no less than %v", tt.precision, tt.limit)
		assert.Equal(t, op.Exact, last.factors)
		deep := tt.want
		if deep == op.RoundDirect {
			deep = op.RoundWinograd
		}
		assert.Equal(t, deep, p.Deep().At("deep").Conv3x3("wide", 16, 16).factors, "deep, %v", tt.precision)
		assert.Equal(t, op.Exact, p.Deep().Precise().Conv3x3("deep", 16, 16).factors)
		assert.Equal(t, op.Exact, exact.factors)
	}
}
