package gguf

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/ggml"
)

// known are the fields and tensors of the file that testdata/gen.py made.
var (
	knownFields = []Field{
		{"general.architecture", "sd1"},
		{"a.uint8", uint8(200)}, {"a.int8", int8(-100)}, {"a.uint16", uint16(50000)}, {"a.int16", int16(-30000)},
		{"a.uint32", uint32(4000000000)}, {"a.int32", int32(-2000000000)}, {"a.float32", float32(0.5)},
		{"a.bool", true}, {"a.string", "grüße"},
		{"a.ints", []int32{320, 4, 3, 3}}, {"a.strings", []string{"", "b", "cc"}},
		{"a.floats", []float32{1.5, -2.5}}, {"a.bools", []bool{true, false}},
		{"a.uint64", uint64(1 << 63)}, {"a.int64", int64(-1 << 62)}, {"a.float64", 0.1},
	}
	knownTensors = []Tensor{
		{"plain", []int{3}, ggml.F32, steps},
		{"half", []int{2, 3, 1, 1}, ggml.F16, steps},
		{"eight", []int{2, 3, 64}, ggml.Q8_0, steps},
		{"four", []int{6, 64}, ggml.Q4_1, steps},
		{"upper", []int{5, 7}, ggml.BF16, steps},
	}
)

// steps are the numbers of its tensors.
func steps(from int, dst []float32) error {
	for i := range dst {
		dst[i] = float32((from+i)%17 - 8)
	}
	return nil
}

// A file has the bytes that the reference writes.
func TestWrite(t *testing.T) {
	want, err := os.ReadFile("testdata/written.gguf")
	require.NoError(t, err)
	var got bytes.Buffer
	require.NoError(t, Write(t.Context(), &got, knownFields, knownTensors))
	assert.Equal(t, want, got.Bytes())

	path := filepath.Join(t.TempDir(), "m.gguf")
	require.NoError(t, WriteFile(t.Context(), path, knownFields, knownTensors))
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, want, file)
}

// The numbers of a tensor are asked for in order, and where one is bad its place is that in
// the tensor.
func TestWriteLarge(t *testing.T) {
	const rows, width, bad = 3000, 1024, 2_999_999
	next := 0
	read := func(from int, dst []float32) error {
		assert.Equal(t, next, from)
		assert.LessOrEqual(t, len(dst), 1<<22)
		next += len(dst)
		return steps(from, dst)
	}
	var got bytes.Buffer
	large := Tensor{"large", []int{rows, width}, ggml.Q8_0, read}
	require.NoError(t, Write(t.Context(), &got, nil, []Tensor{large}))
	assert.Equal(t, rows*width, next)
	numbers, want := make([]float32, rows*width), make([]byte, rows*width/32*34)
	steps(0, numbers)
	require.NoError(t, ggml.Q8_0.Quantize(want, numbers))
	assert.True(t, bytes.HasSuffix(got.Bytes(), want))

	large.Float32s = func(from int, dst []float32) error {
		steps(from, dst)
		if i := bad - from; i >= 0 && i < len(dst) {
			dst[i] = float32(math.Inf(1))
		}
		return nil
	}
	path := filepath.Join(t.TempDir(), "m.gguf")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	err := WriteFile(t.Context(), path, nil, []Tensor{large})
	assert.EqualError(t, err, `gguf: tensor "large": number 2999999 is +Inf, want finite numbers`)
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "old", string(old))

	ctx, cancel := context.WithCancel(t.Context())
	large.Float32s = func(int, []float32) error { cancel(); return nil }
	assert.ErrorIs(t, Write(ctx, new(bytes.Buffer), nil, []Tensor{large}), context.Canceled)
}

func TestWriteErrors(t *testing.T) {
	mine := errors.New("mine")
	for _, tt := range []struct {
		field  Field
		tensor Tensor
		want   string
	}{
		{Field{"a", struct{}{}}, knownTensors[0], "gguf: field \"a\": have a value of type struct {}"},
		{Field{"a", 1}, knownTensors[0], "have a value of type int"},
		{Field{"general.alignment", uint32(64)}, knownTensors[0], "is not the caller's"},
		{Field{"b", true}, Tensor{"x", []int{33}, ggml.Q8_0, steps}, `gguf: tensor "x": have rows of 33 numbers (shape [33]), want a multiple of 32 for Q8_0`},
		{Field{"b", true}, Tensor{"x", []int{1, 1, 1, 1, 1}, ggml.F16, steps}, "have 5 dimensions, want at most 4"},
		{Field{"b", true}, Tensor{"x", []int{-1}, ggml.F16, steps}, "negative size in shape [-1]"},
		{Field{"b", true}, Tensor{"x", []int{1 << 30, 1 << 30, 1 << 30}, ggml.F16, steps}, "is too large"},
		{Field{"b", true}, Tensor{"x", []int{1}, ggml.I8, steps}, "have I8, want a type that can be written"},
		{Field{"b", true}, Tensor{"x", []int{1}, ggml.F16, nil}, "have no numbers"},
		{Field{"b", true}, Tensor{strings.Repeat("x", 128), []int{1}, ggml.F16, steps}, "have a name of 128 bytes, want 1 to 127"},
		{Field{"b", true}, Tensor{"plain", []int{1}, ggml.F16, steps}, `gguf: tensor "plain": comes twice`},
		{Field{"b", true}, Tensor{"x", []int{1}, ggml.F16, func(int, []float32) error { return mine }}, `gguf: tensor "x": mine`},
		{Field{"b", true}, Tensor{"x", []int{1}, ggml.F16, func(_ int, dst []float32) error { dst[0] = 1e5; return nil }}, "number 0 is 100000, which is beyond the range of F16"},
	} {
		err := Write(t.Context(), new(bytes.Buffer), []Field{{"b", true}, tt.field}[1:], []Tensor{knownTensors[0], tt.tensor})
		assert.ErrorContains(t, err, tt.want)
	}
	assert.ErrorContains(t, Write(t.Context(), new(bytes.Buffer), []Field{{"b", true}, {"b", true}}, nil), `field "b": comes twice`)
}
