package weights

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/ggml"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
	"sdgo/safetensors/checkpoint"
)

func TestKeep(t *testing.T) {
	const f32, f16, bf16, i8 = kernel.Float32, kernel.Float16, kernel.BFloat16, kernel.Int8
	tests := []struct {
		dtype, storage string
		format         kernel.Format
		wantFormat     kernel.Format
		want           ggml.Type
		exact          bool
	}{
		{"F32", "", f32, f32, ggml.F32, false},
		{"F16", "", f32, f16, ggml.F32, true},
		{"BF16", "", f32, f32, ggml.BF16, true},
		{"F8_E4M3", "", f32, f16, ggml.F32, true},
		{"F64", "", f32, f32, ggml.F32, false},
		{"I64", "", f32, f32, ggml.F32, false},
		{"Q8_0", "", f32, f32, ggml.Q8_0, false},
		{"Q4_K", "", f16, f32, ggml.Q4_K, false}, // in less than that precision takes
		{"Q4_K", "", bf16, bf16, ggml.Q4_K, false},
		{"Q4_K", "", i8, i8, ggml.F32, false},
		{"F16", "", bf16, bf16, ggml.F32, false},
		{"BF16", "", f16, f16, ggml.F32, false},
		{"F16", "float32", f32, f32, ggml.F32, false},
		{"Q4_K", "float32", f16, f16, ggml.F32, false},
		{"BF16", "f32", f32, f32, ggml.F32, false},
		{"F32", "float16", f32, f16, ggml.F32, false},
		{"BF16", "float16", f32, f32, ggml.BF16, true}, // as many bits
		{"Q8_0", "float16", f32, f32, ggml.Q8_0, false},
		{"F32", "BF16", f32, f32, ggml.BF16, false},
		{"F32", "q8_0", f32, f32, ggml.Q8_0, false},
		{"F16", "q4_k", f16, f32, ggml.Q4_K, false},
		{"F16", "q4_k", bf16, bf16, ggml.Q4_K, false},
		{"F16", "q4_k", i8, i8, ggml.F32, false},
		{"Q4_K", "q8_0", f32, f32, ggml.Q4_K, false},
		{"Q8_0", "q5_0", f32, f32, ggml.Q5_0, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %s %v", tt.dtype, tt.storage, tt.format), func(t *testing.T) {
			s, err := ParseStorage(tt.storage)
			require.NoError(t, err)
			for _, taps := range []int{0, 1, 9} {
				if taps != 1 && strings.HasPrefix(tt.storage, "q") {
					continue
				}
				p := Param{Taps: taps, Shape: []int{256, 512}, Format: tt.format, Lowest: i8, DType: tt.dtype}
				p.Keep(s, func() bool { return true })
				assert.Equal(t, tt.wantFormat, p.Format)
				assert.Equal(t, tt.want, p.Stored)
				assert.Equal(t, tt.exact, p.exact)
			}
			p := Param{Shape: []int{512}, DType: tt.dtype}
			p.Keep(s, func() bool { return true })
			assert.Equal(t, Param{Shape: []int{512}, DType: tt.dtype}, p, "a vector")
		})
	}
	p := Param{Taps: 1, Shape: []int{256, 512}, Lowest: i8, DType: "Q8_0"}
	p.Keep(Storage{}, func() bool { return false })
	assert.Equal(t, ggml.F32, p.Stored, "the checkpoint has no blocks to give")

}

func TestParseStorage(t *testing.T) {
	_, err := ParseStorage("int3")
	assert.EqualError(t, err, `weights: have "int3", want float32, float16, bfloat16 or blocks such as q8_0 and q4_k, or none for what the files have`)
}

// Of what is put into blocks on request only linear layers are.
func TestKeepInBlocks(t *testing.T) {
	q4, err := ParseStorage("Q4_K")
	require.NoError(t, err)
	for _, tt := range []struct {
		p          Param
		want       ggml.Type
		wantFormat kernel.Format
	}{
		{Param{Taps: 1, Out: 8, In: 512, Lowest: kernel.Int8}, ggml.Q4_K, kernel.Float32},
		{Param{Taps: 1, Out: 8, In: 320, Lowest: kernel.Int8}, ggml.Q5_0, kernel.Float32},   // rows are no whole blocks of 256
		{Param{Taps: 1, Out: 8, In: 48, Lowest: kernel.Int8}, ggml.F32, kernel.Float16},     // nor of 32
		{Param{Taps: 1, Out: 8, In: 512, Lowest: kernel.Float16}, ggml.F32, kernel.Float16}, // precise
		{Param{Taps: 9, Out: 8, In: 512, Lowest: kernel.Float16}, ggml.F32, kernel.Float16},
		{Param{Taps: 0, Lowest: kernel.Float16}, ggml.F32, kernel.Float16},
	} {
		tt.p.Keep(q4, func() bool { return true })
		assert.Equal(t, tt.want, tt.p.Stored, "%+v", tt.p)
		assert.Equal(t, tt.wantFormat, tt.p.Format, "%+v", tt.p)
	}
}

// blocks is a checkpoint with one tensor of a type, w, also by bytes.
type blocks struct {
	formula
	kind ggml.Type
	data []byte
}

func newBlocks(t *testing.T, kind ggml.Type, rows, in int) *blocks {
	t.Helper()
	random := rand.New(rand.NewPCG(uint64(kind), 1))
	numbers, size := kind.Block()
	b := &blocks{formula: formula{shape: []int{rows, in}, taps: 1}, kind: kind, data: make([]byte, kind.Bytes(rows*in))}
	x := make([]float32, rows*in)
	for i := range rows * in / numbers {
		src, dst := b.data[i*size:][:size], x[i*numbers:][:numbers]
		for ok := false; !ok; {
			for j := range src {
				src[j] = byte(random.Uint32())
			}
			kind.Dequantize(dst, src)
			most := kernel.Largest(dst)
			ok = most-most == 0
		}
	}
	b.at = func(i int) float32 { return x[i] }
	return b
}

func (b *blocks) Stored(_ string, from int64, dst []byte) error {
	copy(dst, b.data[from:])
	return nil
}

// keep loads the tensor in the type in which the checkpoint says that it has it.
func keep(t *testing.T, src checkpoint.Source, shape []int, dtype string) (*Param, error) {
	t.Helper()
	eng, err := engine.New(&engine.Options{Threads: 1})
	require.NoError(t, err)
	p := &Param{Key: "w", Shape: shape, DType: dtype, Taps: 1, Out: shape[0], In: shape[1], Lowest: kernel.Int8, Value: op.NewWeight(shape)}
	p.Keep(Storage{}, func() bool { return true })
	_, err = Load(t.Context(), "net", src, []*Param{p}, eng, nil)
	return p, err
}

// What is kept takes the memory of its type, and its numbers are those of the checkpoint.
func TestLoadStored(t *testing.T) {
	const rows, in = 640, 1280 // several parts
	for _, kind := range []ggml.Type{ggml.Q8_0, ggml.Q4_K, ggml.BF16, ggml.F16} {
		src := newBlocks(t, kind, rows, in)
		p, err := keep(t, src, src.shape, kind.String())
		require.NoError(t, err)
		assert.Equal(t, kind.Bytes(rows*in), int(p.Value.MemSize()), "%v", kind)
		dense, err := p.Value.Dense()
		require.NoError(t, err)
		for i, v := range dense.Float32s() {
			require.Equal(t, math.Float32bits(src.at(i)), math.Float32bits(v), "%v: number %d", kind, i)
		}
	}

	src := newBlocks(t, ggml.Q8_0, rows, in)
	const block = 20_001
	src.data[34*block+1] = 0x7c // the scale is infinite
	_, err := keep(t, src, src.shape, "Q8_0")
	assert.ErrorContains(t, err, "net: w: element 6400")
	assert.ErrorContains(t, err, "want finite numbers")
}

// A checkpoint that says F16 of numbers that are none is taken by its numbers.
func TestLoadInexact(t *testing.T) {
	const rows, in = 640, 1280
	for _, dtype := range []string{"F16", "BF16"} {
		for _, odd := range []float32{1 + 0x1p-20, 0x1p-150 + 0x1p-140, 70_001} {
			src := &formula{shape: []int{rows, in}, taps: 1, at: func(i int) float32 {
				if i == 700_000 {
					return odd
				}
				return 0.5
			}}
			p, err := keep(t, src, src.shape, dtype)
			require.NoError(t, err)
			assert.Equal(t, kernel.Float32, p.Format, "%s %v", dtype, odd)
			assert.Equal(t, ggml.F32, p.Stored, "%s %v", dtype, odd)
			x, ok := p.number(700_000)
			assert.True(t, ok)
			assert.Equal(t, odd, x)
		}
	}
}

// Numbers that are put into blocks are those of the blocks; what these cannot hold stays
// float32.
func TestQuantise(t *testing.T) {
	const rows, in = 640, 1280
	src := &formula{shape: []int{rows, in}, taps: 1, at: wave}
	load := func() *Param {
		p := &Param{Key: "w", Shape: src.shape, DType: "F32", Taps: 1, Out: rows, In: in, Lowest: kernel.Int8, Value: op.NewWeight(src.shape)}
		s, err := ParseStorage("q8_0")
		require.NoError(t, err)
		p.Keep(s, func() bool { return false })
		eng, err := engine.New(&engine.Options{Threads: 1})
		require.NoError(t, err)
		_, err = Load(t.Context(), "net", src, []*Param{p}, eng, nil)
		require.NoError(t, err)
		return p
	}
	p := load()
	assert.Equal(t, ggml.Q8_0, p.Stored)
	assert.Equal(t, ggml.Q8_0.Bytes(rows*in), int(p.Value.MemSize()))
	data, want := make([]byte, 34), make([]float32, 32)
	for _, i := range []int{0, 32 * 9000, rows*in - 32} {
		for j := range want {
			want[j] = wave(i + j)
		}
		require.NoError(t, ggml.Q8_0.Quantize(data, want))
		ggml.Q8_0.Dequantize(want, data)
		for j := range want {
			x, _ := p.number(i + j)
			assert.Equal(t, want[j], x)
		}
	}

	src.at = func(i int) float32 { return 1e9 } // the scale is beyond float16
	p = load()
	assert.Equal(t, ggml.F32, p.Stored)
	x, _ := p.number(7)
	assert.EqualValues(t, 1e9, x)
}

// BFloat16 that is asked for rounds to the nearest, of two to the even.
func TestStoreBFloat16s(t *testing.T) {
	src := &formula{shape: []int{1, 4}, at: func(i int) float32 {
		return []float32{1 + 0x1p-8, 1 + 3*0x1p-8, 1 + 0x1p-8 + 0x1p-20, -3}[i]
	}}
	l := paramLoad{Param: &Param{Key: "w", Shape: src.shape, Stored: ggml.BF16}, ctx: t.Context(), src: src}
	dst, got := make([]float32, 2), make([]float32, 4)
	require.NoError(t, l.fill(dst))
	kernel.LoadStored(got, dst, 0, ggml.BF16)
	assert.Equal(t, []float32{1, 1 + 2*0x1p-7, 1 + 0x1p-7, -3}, got)
}

// The fingerprint is that of the numbers, however they are kept.
func TestFingerprintOfStored(t *testing.T) {
	const rows, in = 64, 256
	seen := map[string]ggml.Type{}
	for _, kind := range []ggml.Type{ggml.Q4_K, ggml.BF16, ggml.F16} {
		src := newBlocks(t, kind, rows, in)
		kept, err := keep(t, src, src.shape, kind.String())
		require.NoError(t, err)
		wide, err := keep(t, src, src.shape, "F32")
		require.NoError(t, err)
		assert.NotEqual(t, kept.Size(), wide.Size())
		print := Fingerprint([]*Param{kept})
		assert.Equal(t, print, Fingerprint([]*Param{wide}), "%v", kind)
		assert.NotContains(t, seen, print)
		seen[print] = kind

		wide.Format = kernel.BFloat16
		assert.NotEqual(t, print, Fingerprint([]*Param{wide}), "other factors")
	}
}
