package ggml

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/safetensors"
)

// quantised are the types of blocks.
var quantised = []Type{Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, Q8_K}

// golden returns a tensor of the file that testdata/gen.py made.
func golden(t *testing.T, name string) safetensors.Tensor {
	t.Helper()
	file, err := safetensors.Open("testdata/blocks.safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	tensor, ok := file.Tensor(name)
	require.True(t, ok, name)
	return tensor
}

// sameBits compares numbers by their bits.
func sameBits(t *testing.T, want, got []float32) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
			t.Fatalf("number %d: have %v (%#x), want %v (%#x)", i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

// Numbers have the bits that the reference gives.
func TestDequantize(t *testing.T) {
	for _, typ := range quantised[:len(quantised)-1] { // the reference has no Q8_K
		t.Run(typ.String(), func(t *testing.T) {
			want, err := golden(t, typ.String()+".values").Float32s()
			require.NoError(t, err)
			got := make([]float32, len(want))
			typ.Dequantize(got, golden(t, typ.String()+".bytes").Bytes())
			sameBits(t, want, got)
		})
	}
}

func TestDequantizeQ8_K(t *testing.T) {
	block := make([]byte, Q8_K.Bytes(256))
	le.PutUint32(block, math.Float32bits(0.25))
	block[4], block[4+255] = 0x80, 127
	for i := range 32 {
		block[260+i] = 0xff // sums
	}
	got := make([]float32, 256)
	Q8_K.Dequantize(got, block)
	want := make([]float32, 256)
	want[0], want[255] = -32, 31.75
	sameBits(t, want, got)
}

// The types without blocks have the numbers of the same types of safetensors.
func TestDequantizePlain(t *testing.T) {
	data := make([]byte, 8*8192)
	for i := range data {
		data[i] = byte(i * i >> 3 * 7)
	}
	for typ, dtype := range map[Type]safetensors.DType{
		F32: safetensors.F32, F16: safetensors.F16, BF16: safetensors.BF16, F64: safetensors.F64,
		I8: safetensors.I8, I16: safetensors.I16, I32: safetensors.I32, I64: safetensors.I64,
	} {
		_, size := typ.Block()
		n := len(data) / size
		same, err := safetensors.New("x", dtype, []int{n}, data)
		require.NoError(t, err)
		want, err := same.Float32s()
		require.NoError(t, err)
		got := make([]float32, n)
		typ.Dequantize(got, data)
		sameBits(t, want, got)
	}
}

// Every float16 widens as safetensors has it, and comes back.
func TestHalf(t *testing.T) {
	for code := range 1 << 16 {
		same, err := safetensors.New("x", safetensors.F16, []int{1}, []byte{byte(code), byte(code >> 8)})
		require.NoError(t, err)
		want, err := same.Float32s()
		require.NoError(t, err)
		got := half(uint16(code))
		require.Equal(t, math.Float32bits(want[0]), math.Float32bits(got), "%#x", code)
		if got == got {
			require.Equal(t, uint16(code), toHalf(got))
		}
	}
	for _, tt := range []struct {
		x    float32
		want uint16
	}{
		{65519.996, 0x7bff}, {65520, 0x7c00}, {float32(math.Inf(-1)), 0xfc00}, {1e30, 0x7c00},
		{0x1p-25, 0}, {0x1.8p-25, 1}, {0x1p-24, 1}, {0x1.8p-24, 2}, {0x1p-14 - 0x1p-26, 0x0400},
		{1 + 0x1p-11, 0x3c00}, {1 + 0x3p-11, 0x3c02},
	} {
		assert.Equal(t, tt.want, toHalf(tt.x), "%v", tt.x)
	}
}

func TestType(t *testing.T) {
	for _, tt := range []struct {
		t              Type
		name           string
		readable       bool
		numbers, bytes int
	}{
		{F32, "F32", true, 1, 4}, {Q4_0, "Q4_0", true, 32, 18}, {Q8_0, "Q8_0", true, 32, 34},
		{Q2_K, "Q2_K", true, 256, 84}, {Q3_K, "Q3_K", true, 256, 110}, {Q4_K, "Q4_K", true, 256, 144},
		{Q5_K, "Q5_K", true, 256, 176}, {Q6_K, "Q6_K", true, 256, 210}, {Q8_K, "Q8_K", true, 256, 292},
		{BF16, "BF16", true, 1, 2}, {29, "IQ1_M", false, 0, 0}, {9, "Q8_1", false, 0, 0},
		{41, "Q1_0", false, 0, 0}, {42, "type 42", false, 0, 0}, {math.MaxUint32, "type 4294967295", false, 0, 0},
	} {
		numbers, bytes := tt.t.Block()
		assert.Equal(t, tt.numbers, numbers, tt.name)
		assert.Equal(t, tt.bytes, bytes, tt.name)
		assert.Equal(t, tt.readable, tt.t.Readable(), tt.name)
		assert.Equal(t, tt.name, fmt.Sprint(tt.t))
		got, ok := Parse(tt.name)
		assert.Equal(t, tt.readable, ok, tt.name)
		if ok {
			assert.Equal(t, tt.t, got)
		}
	}
	got, ok := Parse("q5_k")
	assert.True(t, ok)
	assert.Equal(t, Q5_K, got)
}

// What is no whole block is a mistake of the caller's.
func TestWrongLength(t *testing.T) {
	for _, call := range []func(){
		func() { Q4_0.Bytes(33) },
		func() { Type(16).Bytes(256) },
		func() { Q4_0.Dequantize(make([]float32, 64), make([]byte, 18)) },
		func() { Q4_K.Dequantize(make([]float32, 32), make([]byte, 144)) },
	} {
		assert.Panics(t, call)
	}
}

func BenchmarkDequantize(b *testing.B) {
	const n = 1 << 16
	dst := make([]float32, n)
	for _, typ := range append([]Type{F16, BF16}, quantised...) {
		src := make([]byte, typ.Bytes(n))
		for i := range src {
			src[i] = byte(i*i>>2) & 0x3f
		}
		b.Run(typ.String(), func(b *testing.B) {
			b.SetBytes(4 * n)
			for b.Loop() {
				typ.Dequantize(dst, src)
			}
		})
	}
}
