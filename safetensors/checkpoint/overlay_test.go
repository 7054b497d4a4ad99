package checkpoint_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/safetensors/checkpoint"
)

// dense is a tensor of the numbers first, first+1, …
func dense(first float32, shape ...int) *tensor.Dense {
	x := make([]float32, tensor.Shape(shape).TotalSize())
	for i := range x {
		x[i] = first + float32(i)
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(x))
}

// read returns all numbers of a tensor, read in parts.
func read(t *testing.T, src checkpoint.Source, name string, size int) []float32 {
	t.Helper()
	shape, _, ok := src.Tensor(name)
	require.True(t, ok, name)
	x := make([]float32, tensor.Shape(shape).TotalSize())
	for from := 0; from < len(x); from += size {
		require.NoError(t, src.Float32s(name, from, x[from:min(from+size, len(x))]))
	}
	return x
}

func base(t *testing.T) *checkpoint.Memory {
	t.Helper()
	m, err := checkpoint.New([]byte(`{"a": 1, "b": 12345678901234567890}`), map[string]*tensor.Dense{"w": dense(0, 3, 4), "k": dense(1, 2, 3, 1, 2)})
	require.NoError(t, err)
	return m
}

// Whatever the parts in which it is read, a tensor has all changes, in their order, and
// the checkpoint below has none.
func TestOverlay(t *testing.T) {
	m := base(t)
	o := checkpoint.NewOverlay(m)
	require.NoError(t, o.SetConfig("a", []int{2, 3}))
	require.NoError(t, o.Set("new", dense(5, 2)))
	require.NoError(t, o.Append("new", dense(50, 1)))
	require.NoError(t, o.Append("w", dense(100, 2, 4)))
	require.NoError(t, o.Change("w", func(from int, x []float32) error {
		for i := range x {
			x[i] += float32(1000 * (from + i))
		}
		return nil
	}))
	require.NoError(t, o.Change("w", func(_ int, x []float32) error {
		for i := range x {
			x[i] *= 2
		}
		return nil
	}))
	// [2 3·1·2] + 0.5·[2 1]·[1 3·1·2]
	require.NoError(t, o.AddLowRank("k", dense(2, 2, 1, 1, 1), dense(4, 1, 3, 1, 2), 0.5))

	assert.JSONEq(t, `{"a": [2, 3], "b": 12345678901234567890}`, string(o.Config()))
	assert.Equal(t, []string{"k", "w", "new"}, o.Names())
	for name, want := range map[string]struct {
		shape   []int
		numbers []float32
	}{
		"new": {[]int{3}, []float32{5, 6, 50}},
		"w":   {[]int{5, 4}, nil},
		"k":   {[]int{2, 3, 1, 2}, []float32{1 + 4, 2 + 5, 3 + 6, 4 + 7, 5 + 8, 6 + 9, 7 + 6, 8 + 7.5, 9 + 9, 10 + 10.5, 11 + 12, 12 + 13.5}},
	} {
		shape, dtype, ok := o.Tensor(name)
		require.True(t, ok)
		assert.Equal(t, want.shape, shape)
		assert.Equal(t, "F32", dtype)
		if name == "w" {
			for i := range 20 {
				x := float32(i)
				if i >= 12 {
					x = float32(100 + i - 12)
				}
				want.numbers = append(want.numbers, 2*(x+1000*float32(i)))
			}
		}
		for _, size := range []int{1, 3, 5, 100} {
			assert.Equal(t, want.numbers, read(t, o, name, size), "%s in parts of %d", name, size)
		}
	}
	assert.Equal(t, dense(0, 3, 4).Float32s(), read(t, m, "w", 100))
	assert.JSONEq(t, `{"a": 1, "b": 12345678901234567890}`, string(m.Config()))
	require.NoError(t, o.Set("w", dense(7, 1)))
	assert.Equal(t, []float32{7}, read(t, o, "w", 1), "in place of all")
	assert.NoError(t, o.Changed())
	assert.NoError(t, o.Close())
}

func TestOverlayErrors(t *testing.T) {
	o := checkpoint.NewOverlay(base(t))
	edit := func(int, []float32) error { return errors.New("no") }
	require.NoError(t, o.Change("w", edit))
	column := dense(0, 4, 3)
	require.NoError(t, column.T())
	odd := tensor.New(tensor.Of(tensor.Float64), tensor.WithShape(3, 4))
	for want, err := range map[string]error{
		`checkpoint: no tensor "x" to change`:                                                      o.Change("x", edit),
		`checkpoint: "w": have a nil function, want one`:                                           o.Change("w", nil),
		`checkpoint: "w": have no tensor, want one`:                                                o.Set("w", nil),
		`checkpoint: "w": have a tensor of float64, want float32`:                                  o.Set("w", odd),
		`checkpoint: "w": have a tensor that is not contiguous in row-major order`:                 o.Set("w", column),
		`checkpoint: "w": have rows of shape [1 3], want them to follow [3 4]`:                     o.Append("w", dense(0, 1, 3)),
		`checkpoint: "w": have up [2 2] and down [2 4], want [out r] and [r in] of a weight [3 4]`: o.AddLowRank("w", dense(0, 2, 2), dense(0, 2, 4), 1),
		`checkpoint: "w": have up [3 2] and down [3 4], want [out r] and [r in] of a weight [3 4]`: o.AddLowRank("w", dense(0, 3, 2), dense(0, 3, 4), 1),
		`checkpoint: "w: up": have no tensor, want one`:                                            o.AddLowRank("w", nil, nil, 1),
		`checkpoint: changing "w": no`:                                                             o.Float32s("w", 0, make([]float32, 2)),
		`checkpoint: "w": have 12 numbers, want 2 from 11 on`:                                      o.Float32s("w", 11, make([]float32, 2)),
		`checkpoint: "k": have 12 numbers, want 1 from -1 on`:                                      o.Float32s("k", -1, make([]float32, 1)),
		`checkpoint: no tensor "x"`:                                                                o.Float32s("x", 0, make([]float32, 1)),
		`checkpoint: config: "a": json: unsupported type: func()`:                                  o.SetConfig("a", func() {}),
		`checkpoint: have an empty checkpoint, want one from New or NewOverlay`:                    new(checkpoint.Overlay).Set("w", dense(0, 1)),
		`checkpoint: config: have "[]", want a JSON object`:                                        checkpoint.NewOverlay(memory(t, "[]")).SetConfig("a", 1),
		`checkpoint: "v: up": have a tensor without numbers, want []`:                              addScalar(t),
	} {
		assert.EqualError(t, err, want, fmt.Sprint(want))
	}
	_, err := checkpoint.New(nil, map[string]*tensor.Dense{"w": nil})
	assert.EqualError(t, err, `checkpoint: "w": have no tensor, want one`)
}

func memory(t *testing.T, config string) checkpoint.Source {
	t.Helper()
	m, err := checkpoint.New([]byte(config), map[string]*tensor.Dense{"v": dense(0, 3)})
	require.NoError(t, err)
	return m
}

// addScalar adds what is no matrix to what is none.
func addScalar(t *testing.T) error {
	one := tensor.New(tensor.FromScalar(float32(1)))
	return checkpoint.NewOverlay(memory(t, "{}")).AddLowRank("v", one, one, 1)
}
