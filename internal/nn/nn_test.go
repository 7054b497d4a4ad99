package nn

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/engine"
)

// memory is a checkpoint in memory.
type memory map[string][]float32

func (m memory) Shape(name string) ([]int, bool) { x, ok := m[name]; return []int{len(x)}, ok }
func (m memory) View(name string) []float32      { return m[name] }
func (m memory) Release(string)                  {}
func (m memory) Close() error                    { return nil }
func (m memory) Float32s(name string, dst []float32) error {
	copy(dst, m[name])
	return nil
}

func TestParamsReportAllProblems(t *testing.T) {
	_, err := NewModel("net", memory{"norm.weight": make([]float32, 3)}, LoadOptions{}, func(p *Params) error {
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
		m, err := NewModel("net", memory{"norm.weight": {float32(i)}, "norm.bias": {0}}, LoadOptions{}, func(p *Params) error {
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
	require.NoError(t, DecodeConfig([]byte(`{"_class_name": "x", "layers": 2, "cross": [true, false]}`), &c))
	assert.Equal(t, config{Ints{2}, Bools{true, false}, 7}, c)
	assert.Equal(t, 2, c.Layers.At(5))
	assert.False(t, c.Cross.At(1))
	assert.EqualError(t, DecodeConfig([]byte(`{"widht": 1}`), &c), `unknown field "widht"`)
	assert.Error(t, DecodeConfig([]byte(`{"layers": "two"}`), &c))
	assert.Error(t, DecodeConfig([]byte(`[]`), &c))
	err := Verify(Want("a", 1, false, "2"), Want("b", 1, true, "1"), Want("c", "x", false, "y"))
	assert.EqualError(t, err, "a: have 1, want 2; c: have x, want y")
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
}

func TestModelRunErrors(t *testing.T) {
	m, err := NewModel("net", memory{}, LoadOptions{}, func(*Params) error { return nil })
	require.NoError(t, err)
	failed := fmt.Errorf("no graph")
	err = m.Run(context.Background(), 1, func() ([]*G.Node, []*G.Node, error) { return nil, nil, failed }, nil, nil)
	assert.ErrorIs(t, err, failed)
	require.NoError(t, m.Close())
	assert.ErrorIs(t, m.Check(1, nil, 0, ""), ErrClosed)
}

// shapes is a checkpoint without numbers.
type shapes map[string][]int

func (s shapes) Shape(name string) ([]int, bool)         { x, ok := s[name]; return x, ok }
func (s shapes) View(string) []float32                   { return nil }
func (s shapes) Float32s(name string, _ []float32) error { return fmt.Errorf("no numbers of %s", name) }
func (s shapes) Release(string)                          {}
func (s shapes) Close() error                            { return nil }

// Winograd's convolution goes to the layers with the smallest weights, as far as
// a share of the memory or the caller's limit allows.
func TestChooseWinograd(t *testing.T) {
	src := shapes{}
	widths := []int{64, 128, 320, 640, 1280, 1920}
	for _, n := range widths {
		src[fmt.Sprintf("conv%d.weight", n)] = []int{n, n, 3, 3}
		src[fmt.Sprintf("conv%d.bias", n)] = []int{n}
	}
	choose := func(limit int64) (chosen []int) {
		p := NewParams("net", src)
		for _, n := range widths {
			p.Conv3x3(fmt.Sprintf("conv%d", n), n, n)
		}
		require.Empty(t, p.problems)
		eng, err := engine.New(&engine.Options{MaxMemory: limit})
		require.NoError(t, err)
		p.chooseWinograd(eng)
		for _, w := range p.params {
			if w.winograd {
				chosen = append(chosen, w.shape[0])
			}
		}
		return chosen
	}
	assert.Equal(t, []int{128, 320, 640, 1280}, choose(0)) // 1920 would cost 398 MB more
	assert.Equal(t, []int{128, 320}, choose(300<<20))
	assert.Empty(t, choose(202<<20))
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
