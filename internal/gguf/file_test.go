package gguf

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/ggml"
	"sdgo/internal/mapped"
)

// openBytes opens data as a file called m.gguf.
func openBytes(t testing.TB, data []byte) (*File, error) {
	return Open(t.Context(), fstest.MapFS{"m.gguf": {Data: data}}, "m.gguf")
}

// What the reference wrote is read as it was meant.
func TestRead(t *testing.T) {
	f, err := Open(t.Context(), os.DirFS("testdata"), "written.gguf")
	require.NoError(t, err)
	defer f.Close()
	for _, field := range knownFields {
		got, ok := f.Value(field.Key)
		assert.True(t, ok, field.Key)
		assert.Equal(t, field.Value, got, field.Key)
	}
	_, ok := f.Value("b")
	assert.False(t, ok)
	assert.Equal(t, map[string]string{
		"general.architecture": "sd1", "a.uint8": "200", "a.int8": "-100", "a.uint16": "50000", "a.int16": "-30000",
		"a.uint32": "4000000000", "a.int32": "-2000000000", "a.float32": "0.5", "a.bool": "true", "a.string": "grüße",
		"a.uint64": "9223372036854775808", "a.int64": "-4611686018427387904", "a.float64": "0.1",
	}, f.Metadata())

	assert.Equal(t, []string{"plain", "half", "eight", "four", "upper"}, f.Names())
	for _, want := range knownTensors {
		shape, dtype, ok := f.Tensor(want.Name)
		require.True(t, ok)
		assert.Equal(t, want.Shape, shape)
		assert.Equal(t, want.Type.String(), dtype)
		typ, data, ok := f.Blocks(want.Name)
		require.True(t, ok)
		assert.Equal(t, want.Type, typ)
		all := make([]float32, count(want.Shape))
		typ.Dequantize(all, data)
		for i, v := range all {
			assert.InDelta(t, i%17-8, v, 0.54) // half a step of Q4_1 of -8 to 8
		}
		for from := range len(all) { // parts may begin and end within blocks
			for _, n := range []int{0, 1, 31, 64, 100} {
				n = min(n, len(all)-from)
				part := make([]float32, n)
				require.NoError(t, f.Float32s(want.Name, from, part))
				require.Equal(t, all[from:from+n], part, "%s: %d from %d on", want.Name, n, from)
			}
		}
		f.Release(want.Name)
	}
	assert.NoError(t, f.Changed())
	assert.EqualError(t, f.Float32s("none", 0, nil), `gguf: written.gguf: no tensor "none"`)
	assert.EqualError(t, f.Float32s("plain", 2, make([]float32, 2)), `gguf: written.gguf: tensor "plain": have 3 numbers (shape [3]), want 2 from 2 on`)
	assert.Error(t, f.Float32s("plain", -1, nil))
	assert.Error(t, f.Float32s("plain", 4, nil))
	_, _, ok = f.Tensor("none")
	assert.False(t, ok)
	f.Release("none")

	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
	assert.ErrorIs(t, f.Float32s("plain", 0, make([]float32, 1)), os.ErrClosed)
	_, _, ok = f.Blocks("plain")
	assert.False(t, ok)
	_, ok = f.Value("a.bool")
	assert.False(t, ok)
	assert.Empty(t, f.Metadata())
}

// What is written is read, in the order it was written, with every type.
func TestRoundTrip(t *testing.T) {
	var tensors []Tensor
	for typ := range ggml.Type(64) {
		if typ.Writable() {
			tensors = append(tensors, Tensor{typ.String(), []int{2, 3, 256}, typ, steps})
		}
	}
	tensors = append(tensors, Tensor{"none", []int{0, 256}, ggml.Q8_0, steps}, Tensor{"scalar", nil, ggml.F16, steps})
	var b bytes.Buffer
	require.NoError(t, Write(t.Context(), &b, nil, tensors))
	f, err := openBytes(t, b.Bytes())
	require.NoError(t, err)
	require.Len(t, f.Names(), len(tensors))
	numbers := make([]float32, 2*3*256)
	steps(0, numbers)
	for _, want := range tensors {
		shape, dtype, _ := f.Tensor(want.Name)
		assert.Equal(t, count(want.Shape), count(shape))
		assert.Equal(t, want.Type.String(), dtype)
		n := count(want.Shape)
		block, got := make([]byte, want.Type.Bytes(n)), make([]float32, n)
		require.NoError(t, want.Type.Quantize(block, numbers[:n]))
		expected := make([]float32, n)
		want.Type.Dequantize(expected, block)
		require.NoError(t, f.Float32s(want.Name, 0, got))
		assert.Equal(t, expected, got, want.Name)
	}
}

// A file of version 2 and another alignment, with a tensor that was reshaped, arrays in arrays, tensors in
// another order than their numbers, and bytes between and after them.
func TestLayout(t *testing.T) {
	h := builder{}.magic(2, 2, 3)
	h = h.field("general.alignment", kindUint32).u32(64)
	h = h.field("comfy.gguf.orig_shape.conv", kindArray).u32(uint32(kindInt32)).u64(4).u32(64).u32(1).u32(2).u32(4)
	h = h.field("deep", kindArray).u32(uint32(kindArray)).u64(2).
		u32(uint32(kindString)).u64(1).str("a").
		u32(uint32(kindBool)).u64(2).raw(1, 0)
	h = h.tensor("conv", ggml.F16, 192, 256, 2)
	h = h.tensor("first", ggml.F32, 0, 2)
	data := h.pad(64).raw(make([]byte, 192+1024+5)...)
	le.PutUint16(data[len(data)-1024-5+2:], 0x3c00)
	f, err := openBytes(t, data)
	require.NoError(t, err)
	assert.Equal(t, []string{"first", "conv"}, f.Names())
	shape, _, _ := f.Tensor("conv")
	assert.Equal(t, []int{64, 1, 2, 4}, shape)
	got := make([]float32, 3)
	require.NoError(t, f.Float32s("conv", 0, got))
	assert.Equal(t, []float32{0, 1, 0}, got)
	deep, ok := f.Value("deep")
	assert.True(t, ok)
	assert.Equal(t, []any{[]string{"a"}, []bool{true, false}}, deep)
}

// A file that is cut while it is open gives errors.
func TestCutWhileOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.gguf")
	const rows = 4096
	require.NoError(t, WriteFile(t.Context(), path, nil, []Tensor{{"x", []int{rows, 256}, ggml.Q8_0, steps}}))
	f, err := Open(t.Context(), os.DirFS(dir), "m.gguf")
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, os.Truncate(path, 4096))
	err = f.Float32s("x", (rows-1)*256, make([]float32, 256))
	var fault *mapped.Fault
	if assert.ErrorAs(t, err, &fault) {
		assert.Greater(t, fault.Offset, int64(4095))
		assert.ErrorContains(t, err, `gguf: tensor "x": m.gguf: offset`)
	}
	assert.ErrorContains(t, f.Changed(), "gguf: m.gguf: the file was changed while it was open")
}
