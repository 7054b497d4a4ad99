package nn

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
)

// memory is a checkpoint in memory.
type memory map[string][]float32

func (m memory) Shape(name string) ([]int, bool) { x, ok := m[name]; return []int{len(x)}, ok }
func (m memory) Release(string)                  {}
func (m memory) Changed() error                  { return nil }
func (m memory) Close() error                    { return nil }
func (m memory) Float32s(name string, from int, dst []float32) error {
	copy(dst, m[name][from:])
	return nil
}

func TestParamsReportAllProblems(t *testing.T) {
	_, err := NewModel(t.Context(), "net", memory{"norm.weight": make([]float32, 3)}, LoadOptions{}, func(p *Params) error {
		p.At("norm").vector("weight", 4)
		p.At("blocks.%d", 2).Linear("out", 2, 3)
		return nil
	})
	assert.EqualError(t, err, "net: 3 problems with the weights:\n"+
		"\tnorm.weight: have shape [3], want [4]\n"+
		"\tblocks.2.out.weight: missing, want [3 2]\n"+
		"\tblocks.2.out.bias: missing, want [3]")
}

// After its first error a Graph does nothing, whatever it is asked.
func TestGraphKeepsFirstError(t *testing.T) {
	g := NewGraph(G.NewGraph())
	x := g.Input("x", 2, 3)
	bad := g.Add(x, g.Input("y", 3, 2))
	assert.Nil(t, bad)
	assert.Nil(t, g.SiLU(g.Reshape(bad, 6)))
	assert.Len(t, g.Shape(bad), 4)
	assert.EqualError(t, g.Err(), "op: add: have b [3 2], want [2 3]")
}

// Two models of one kind on one graph keep their weights apart.
func TestParamsOfTwoModels(t *testing.T) {
	expr := G.NewGraph()
	for i := range 2 {
		var norm *LayerNorm
		m, err := NewModel(t.Context(), "net", memory{"norm.weight": {float32(i)}, "norm.bias": {0}}, LoadOptions{}, func(p *Params) error {
			norm = p.LayerNorm("norm", 1, 1e-5)
			return nil
		})
		require.NoError(t, err)
		defer m.Close()
		g := NewGraph(expr)
		gamma := g.param(norm.gamma)
		assert.Equal(t, []float32{float32(i)}, gamma.Value().Data())
		assert.Same(t, gamma, g.param(norm.gamma))
	}
	assert.Len(t, expr.AllNodes(), 2)
}

func TestDecodeConfig(t *testing.T) {
	type config struct {
		Layers Ints  `json:"layers"`
		Cross  Bools `json:"cross"`
		Width  int   `json:"width"`
	}
	c := config{Width: 7}
	warnings, err := DecodeConfig([]byte(`{"_class_name": "x", "layers": 2, "cross": [true, false]}`), "x", &c)
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.Equal(t, config{Ints{2}, Bools{true, false}, 7}, c)
	assert.Equal(t, 2, c.Layers.At(5))
	assert.False(t, c.Cross.At(1))
	for data, want := range map[string]string{
		`{"layers": "two"}`:          `layers: have "two", want an integer or a list of them`,
		`{"width": -Infinity}`:       "width: have -Infinity, want an integer",
		`[]`:                         "cannot unmarshal array",
		`{"_class_name": 7}`:         "_class_name: have 7, want a name or [module, name]",
		`{"_class_name": "y"}`:       "have a y, want a x",
		`{"_class_name": "VQModel"}`: "have a VQModel (an autoencoder with a codebook), want a x",
		`{"_class_name": "SD3Transformer2DModel"}`: "have a SD3Transformer2DModel (a diffusion transformer), want a x",
		`{"num_vq_embeddings": 256}`:               "num_vq_embeddings: have a key of a VQModel (an autoencoder with a codebook), want a x",
		`{"encoder_block_out_channels": [64]}`:     "have a key of an AutoencoderTiny",
		`{"conditioning_channels": 3}`:             "have a key of a ControlNetModel",
		`{"add_attention": true}`:                  "have a key of a UNet2DModel (a U-Net without text)",
		`{"quantization_config": {}}`:              "have quantized weights, want plain ones",
	} {
		_, err := DecodeConfig([]byte(data), "x", &c)
		assert.ErrorContains(t, err, want, data)
	}
	err = Verify(Want("a", 1, false, "2"), Want("b", 1, true, "1"), Want("c", "x", false, "y"))
	assert.EqualError(t, err, "a: have 1, want 2; c: have x, want y")
}

// Keys that are not known are left out, with a warning where one may miss them.
func TestUnknownKeys(t *testing.T) {
	for data, want := range map[string][]string{
		`{"new": null, "newer": false, "vq_embed_dim": null, "quantization_config": null}`: nil,
		`{"_name_or_path": "x", "_class_name": null, "_diffusers_version": "0.6.0"}`:       nil,
		`{"_class_name": ["module", "x"]}`:                                                 nil,
		`{"_class_name": "Flaxx"}`:                                                         nil,
		`{"decay": 0.9999, "inv_gamma": 1.0, "min_decay": 0.0, "optimization_step": 37000, "power": 0.6666666666666666, "update_after_step": 0, "use_ema_warmup": true}`: nil,
		`{"widht": 1, "-": ["x"], "Width": NaN}`: {
			`config.json: the key "-" is not known and was left out: have ["x"]`,
			`config.json: the key "Width" is not known and was left out: have NaN`,
			`config.json: the key "widht" is not known and was left out: have 1`,
		},
	} {
		c := struct {
			Width    int      `json:"width"`
			Warnings []string `json:"-"`
		}{Width: 7}
		warnings, err := DecodeConfig([]byte(data), "x", &c)
		require.NoError(t, err, data)
		assert.Equal(t, want, warnings, data)
		assert.Equal(t, 7, c.Width)
		assert.Nil(t, c.Warnings)
	}
}

func TestFloats(t *testing.T) {
	x := Tensor(2, 3)
	_, err := Floats("x", x, -1, 3)
	assert.NoError(t, err)
	_, err = Floats("x", x, 3, -1)
	assert.EqualError(t, err, "x: have shape [2 3], want [3 -1]")
	require.NoError(t, x.T())
	_, err = Floats("x", x, 3, 2)
	assert.ErrorContains(t, err, "not contiguous")
	assert.Error(t, CheckSize("x", 1<<30, 1<<30))
	assert.NoError(t, CheckSize("x", 1<<10, 1<<10))
	assert.EqualError(t, CheckSize("x", 0, 3), "x: have shape [0 3], want sizes of 1 or more")
	assert.Error(t, CheckSize("x", 2, -1))
}

func TestModelRunErrors(t *testing.T) {
	m, err := NewModel(t.Context(), "net", memory{}, LoadOptions{}, func(*Params) error { return nil })
	require.NoError(t, err)
	failed := fmt.Errorf("no graph")
	err = m.Run(context.Background(), 1, func() ([]*G.Node, []*G.Node, error) { return nil, nil, failed }, nil, nil)
	assert.ErrorIs(t, err, failed)
	require.NoError(t, m.Close())
	assert.ErrorIs(t, m.Check(1, nil, 0, ""), ErrClosed)
}

// numbers is a checkpoint whose tensors hold one number, everywhere.
type numbers map[string]float32

func (c numbers) Shape(name string) ([]int, bool) {
	shape, ok := map[string][]int{
		"linear.weight": {40, 8}, "odd.weight": {40, 7}, "exact.weight": {40, 8}, "conv.weight": {40, 8, 3, 3},
		"point.weight": {40, 8, 1, 1},
	}[name]
	if strings.HasSuffix(name, ".bias") {
		return []int{40}, true
	}
	return shape, ok
}
func (c numbers) Float32s(name string, from int, dst []float32) error {
	for i := range dst {
		dst[i] = c[name]
	}
	return nil
}
func (c numbers) Release(string) {}
func (c numbers) Changed() error { return nil }
func (c numbers) Close() error   { return nil }

// The precision of a model, and what of it each layer can have: convolutions of
// several pixels, odd widths and layers that are to be precise keep float32 factors,
// and weights too large for half precision stay float32.
func TestFormats(t *testing.T) {
	const f32, f16, bf16, i8 = kernel.Float32, kernel.Float16, kernel.BFloat16, kernel.Int8
	tests := []struct {
		precision                       string
		linear, odd, exact, conv, point kernel.Format
	}{
		{"", f32, f32, f32, f32, f32},
		{"float16", f16, f16, f16, f32, f16},
		{"BF16", bf16, f16, f16, f32, bf16},
		{"int8", i8, f16, f16, f32, i8},
	}
	for _, tt := range tests {
		src := numbers{"linear.weight": 1, "odd.weight": 1, "exact.weight": 2, "conv.weight": 65505, "point.weight": 3}
		var linear, odd, exact *Linear
		var conv, point *Conv2D
		m, err := NewModel(t.Context(), "net", src, LoadOptions{Precision: tt.precision}, func(p *Params) error {
			linear, odd, exact = p.Linear("linear", 8, 40), p.Linear("odd", 7, 40), p.Precise().Linear("exact", 8, 40)
			conv, point = p.Conv3x3("conv", 8, 40), p.Conv1x1("point", 8, 40)
			return nil
		})
		require.NoError(t, err)
		for what, x := range map[string]struct {
			w    *Param
			want kernel.Format
		}{
			"linear": {linear.weight, tt.linear}, "odd": {odd.weight, tt.odd}, "exact": {exact.weight, tt.exact},
			"conv": {conv.weight, tt.conv}, "point": {point.weight, tt.point},
		} {
			assert.Equal(t, x.want, x.w.format, "%s: %s", tt.precision, what)
		}
		require.NoError(t, m.Close())
	}
	_, err := NewModel(t.Context(), "net", numbers{}, LoadOptions{Precision: "int3"}, func(*Params) error { return nil })
	assert.EqualError(t, err, `net: precision: have "int3", want float32, float16, bfloat16 or int8`)
}

func TestNotFinite(t *testing.T) {
	x := make([]float32, 3000)
	for i := range x {
		x[i] = float32(i) - 1500
	}
	x[7] = math.MaxFloat32
	assert.Equal(t, -1, notFinite(x))
	assert.Equal(t, -1, notFinite(nil))
	for _, at := range []int{0, 1023, 1024, 2999} {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			keep := x[at]
			x[at] = float32(bad)
			assert.Equal(t, at, notFinite(x))
			x[at] = keep
		}
	}
}

// The largest weights are the first to be lowered, no more than it takes, and none if
// it would not help.
func TestFit(t *testing.T) {
	const f32, f16, i8 = kernel.Float32, kernel.Float16, kernel.Int8
	const kb = 1 << 10
	// 64, 32 and 16 KiB as float32; the first is a convolution.
	weights := func() []*Param {
		return []*Param{
			{taps: 16, in: 32, out: 32, lowest: f16}, {taps: 1, in: 128, out: 64, lowest: i8}, {taps: 1, in: 64, out: 64, lowest: i8},
		}
	}
	tests := []struct {
		allowed  int64
		reserves []int64
		want     []kernel.Format
	}{
		{112 * kb, nil, []kernel.Format{f32, f32, f32}},
		{80 * kb, nil, []kernel.Format{f16, f32, f32}},
		{64 * kb, nil, []kernel.Format{f16, f16, f32}},
		{56 * kb, nil, []kernel.Format{f16, f16, f16}},
		{49 * kb, nil, []kernel.Format{f16, i8, f16}}, // 32 + 8.5 + 8
		{45 * kb, nil, []kernel.Format{f16, i8, i8}},
		{40 * kb, nil, []kernel.Format{f32, f32, f32}}, // never: the allocation says so
		{100 * kb, []int64{20 * kb, 10 * kb}, []kernel.Format{f16, f32, f32}},
		{100 * kb, []int64{50 * kb, 36 * kb}, []kernel.Format{f16, f16, f32}}, // tiles
		{100 * kb, []int64{99 * kb, 51 * kb}, []kernel.Format{f16, i8, f16}},
		{112 * kb, []int64{99 * kb, 98 * kb}, []kernel.Format{f32, f32, f32}}, // no such run can be
	}
	for _, tt := range tests {
		params := weights()
		fit(params, tt.allowed, tt.reserves)
		var have []kernel.Format
		for _, w := range params {
			have = append(have, w.format)
		}
		assert.Equal(t, tt.want, have, "%d bytes, reserves %v", tt.allowed, tt.reserves)
	}
}
