package safetensors_test

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/safetensors"
)

func TestConversionErrors(t *testing.T) {
	f, err := openBytes(t, file(`{"c":{"dtype":"C64","shape":[1],"data_offsets":[0,8]},"f":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},`+
		`"u":{"dtype":"U64","shape":[1],"data_offsets":[12,20]},"z":{"dtype":"F4","shape":[2],"data_offsets":[20,21]}}`,
		strings.Repeat("\xff", 21)))
	require.NoError(t, err)
	get := func(name string) safetensors.Tensor {
		tensor, ok := f.Tensor(name)
		require.True(t, ok)
		return tensor
	}
	_, err = get("c").Float32s()
	assert.EqualError(t, err, `safetensors: tensor "c": no conversion from C64 to float32`)
	_, err = get("z").Float32s()
	assert.ErrorContains(t, err, "no conversion from F4")
	_, err = get("f").Int64s()
	assert.ErrorContains(t, err, "no conversion from F32 to int64")
	_, err = get("u").Int64s()
	assert.ErrorContains(t, err, "exceeds int64")
	err = get("f").Float32sInto(make([]float32, 2))
	assert.EqualError(t, err, `safetensors: tensor "f": have room for 2 elements, want 1 (shape [1])`)

	var zero safetensors.Tensor
	assert.Zero(t, zero.Len())
	assert.Nil(t, zero.Bytes())
	zero.Release()
	_, err = zero.Float32s()
	assert.ErrorContains(t, err, "made without New")
}

func TestInt64s(t *testing.T) {
	for _, c := range goldenCases(t) {
		name, ok := strings.CutPrefix(c.File, "valid_dtype_")
		if !ok || !strings.ContainsAny(name[:1], "IUB") || strings.HasPrefix(name, "BF16") {
			continue
		}
		f, err := safetensors.Open(filepath.Join("testdata/files", c.File))
		require.NoError(t, err)
		tensor, _ := f.Tensor("t")
		have, err := tensor.Int64s()
		require.NoError(t, err)
		want := flatten(t, c.Values) // float64: too short for the large ones
		for i := range have {
			assert.Equal(t, want[i], float64(have[i]), c.File)
		}
		assert.NoError(t, f.Close())
	}
}

// All codes of binary16, by the definition: ±2^(e−15)·(1 + m/2^10).
func TestFloat16AllCodes(t *testing.T) {
	data := make([]byte, 2<<16)
	for code := range 1 << 16 {
		binary.LittleEndian.PutUint16(data[2*code:], uint16(code))
	}
	tensor, err := safetensors.New("h", safetensors.F16, []int{1 << 16}, data)
	require.NoError(t, err)
	have, err := tensor.Float32s()
	require.NoError(t, err)
	for code, h := range have {
		e, m := code>>10&31, float64(code&1023)
		want := math.Ldexp(1+m/1024, e-15)
		switch {
		case e == 0:
			want = math.Ldexp(m/1024, -14)
		case e == 31 && m == 0:
			want = math.Inf(1)
		case e == 31:
			require.True(t, h != h, "code %#04x", code)
			continue
		}
		want = math.Copysign(want, 1-2*float64(code>>15))
		require.Equal(t, math.Float32bits(float32(want)), math.Float32bits(h), "code %#04x: have %v, want %v", code, h, want)
	}
}

// Every place of a group of four, and lengths around it.
func TestGroups(t *testing.T) {
	special := []uint16{0, 0x8000, 1, 0x83ff, 0x0400, 0x7bff, 0x7c00, 0xfc00, 0x7e01, 0x3c00}
	var codes []uint16
	for _, s := range special {
		for lane := range 4 {
			group := [4]uint16{0x3c00, 0xbc00, 0x0400, 0x7bff}
			group[lane] = s
			codes = append(codes, group[:]...)
		}
	}
	alone := func(code uint16, d safetensors.DType) uint32 {
		tensor, err := safetensors.New("x", d, nil, binary.LittleEndian.AppendUint16(nil, code))
		require.NoError(t, err)
		v, err := tensor.Float32s()
		require.NoError(t, err)
		return math.Float32bits(v[0])
	}
	for _, d := range []safetensors.DType{safetensors.F16, safetensors.BF16} {
		for n := range len(codes) {
			var data []byte
			for _, c := range codes[len(codes)-n:] {
				data = binary.LittleEndian.AppendUint16(data, c)
			}
			tensor, err := safetensors.New("x", d, []int{n}, data)
			require.NoError(t, err)
			have, err := tensor.Float32s()
			require.NoError(t, err)
			for i, c := range codes[len(codes)-n:] {
				require.Equal(t, alone(c, d), math.Float32bits(have[i]), "%v %#04x", d, c)
			}
		}
	}
}

// The FNUZ kinds and E8M0 against their definitions at the edges.
func TestFloat8Edges(t *testing.T) {
	nan := float32(math.NaN())
	tests := []struct {
		d     safetensors.DType
		codes string
		want  []float32
	}{
		{safetensors.F8E4M3FNUZ, "\x00\x01\x08\x7f\xff\x80", []float32{0, 0x1p-10, 0x1p-7, 240, -240, nan}},
		{safetensors.F8E5M2FNUZ, "\x00\x01\x04\x7f\xff\x80", []float32{0, 0x1p-17, 0x1p-15, 57344, -57344, nan}},
		{safetensors.F8E8M0, "\x00\x7f\x80\xfe\xff", []float32{0x1p-127, 1, 2, 0x1p127, nan}},
	}
	for _, tt := range tests {
		tensor, err := safetensors.New("x", tt.d, []int{len(tt.codes)}, []byte(tt.codes))
		require.NoError(t, err)
		have, err := tensor.Float32s()
		require.NoError(t, err)
		for i := range have {
			if tt.want[i] != tt.want[i] {
				assert.True(t, have[i] != have[i], "%v %#02x: have %v, want NaN", tt.d, tt.codes[i], have[i])
				continue
			}
			assert.Equal(t, tt.want[i], have[i], "%v %#02x", tt.d, tt.codes[i])
		}
	}
}
