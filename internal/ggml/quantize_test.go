package ggml

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Blocks have the bytes that the reference makes.
func TestQuantize(t *testing.T) {
	x, err := golden(t, "x").Float32s()
	require.NoError(t, err)
	for _, typ := range []Type{F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1} {
		want := golden(t, typ.String()+".quantised").Bytes()
		got := make([]byte, typ.Bytes(len(x)))
		require.NoError(t, typ.Quantize(got, x), typ)
		_, size := typ.Block()
		for i := range want {
			if want[i] != got[i] {
				t.Fatalf("%v: block %d, byte %d: have %#x, want %#x", typ, i/size, i%size, got[i], want[i])
			}
		}
	}
}

// What a type cannot hold is named by its place; what is too small for a scale is zero.
func TestQuantizeRange(t *testing.T) {
	for i := range formats {
		typ := Type(i)
		if !typ.Writable() {
			continue
		}
		x := make([]float32, 3*MaxBlock)
		dst := make([]byte, typ.Bytes(len(x)))
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			x[300] = float32(bad)
			assert.EqualError(t, typ.Quantize(dst, x), fmt.Sprintf("number 300 is %v, want finite numbers", x[300]), typ)
		}
		x[300] = -math.MaxFloat32
		err := typ.Quantize(dst, x)
		if typ == F32 {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, "number 300 is -3.4028235e+38, which is beyond the range of "+typ.String())
		}
		for i := range x {
			x[i] = float32(i%7-3) * 1e-41
		}
		require.NoError(t, typ.Quantize(dst, x))
		typ.Dequantize(x, dst)
		for _, v := range x {
			assert.InDelta(t, 0, v, 1e-40, typ)
		}
	}
	assert.Panics(t, func() { I8.Quantize(make([]byte, 1), make([]float32, 1)) })
	assert.Panics(t, func() { Q4_0.Quantize(make([]byte, 17), make([]float32, 32)) })
}
