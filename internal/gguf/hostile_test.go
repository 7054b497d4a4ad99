package gguf

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/ggml"
)

// builder puts a file together.
type builder []byte

func (b builder) raw(x ...byte) builder { return append(b, x...) }
func (b builder) u32(v uint32) builder  { return le.AppendUint32(b, v) }
func (b builder) u64(v uint64) builder  { return le.AppendUint64(b, v) }
func (b builder) str(s string) builder  { return appendString(b, s) }
func (b builder) magic(version uint32, tensors, fields uint64) builder {
	return append(b, magic...).u32(version).u64(tensors).u64(fields)
}
func (b builder) field(key string, k kind) builder { return b.str(key).u32(uint32(k)) }
func (b builder) tensor(name string, t ggml.Type, offset uint64, dims ...uint64) builder {
	b = b.str(name).u32(uint32(len(dims)))
	for _, n := range dims {
		b = b.u64(n)
	}
	return b.u32(uint32(t)).u64(offset)
}
func (b builder) pad(n int) builder { return append(b, make([]byte, (n-len(b)%n)%n)...) }

// Every file that is not as it should be is an error with the place.
//
// In one piece: a table.
func TestHostile(t *testing.T) {
	const huge = uint64(1e18)
	one := builder{}.magic(3, 1, 0)
	numbers := make([]byte, 64)
	arrays := builder{}.magic(3, 0, 1).field("deep", kindArray)
	for range maxDepth + 1 {
		arrays = arrays.u32(uint32(kindArray)).u64(1)
	}
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"empty":             {nil, `offset 0: have a file that begins with "", want "GGUF"`},
		"text":              {[]byte("Entry not found"), "this is a text that begins with"},
		"zip":               {[]byte("PK\x03\x04....."), "this is a zip archive"},
		"short":             {[]byte("GGUF\x03\x00\x00\x00"), "offset 0: have a file of 8 bytes, want at least 24"},
		"version 1":         {builder{}.magic(1, 0, 0), "offset 4: this is a GGUF file of version 1"},
		"version 4":         {builder{}.magic(4, 0, 0), "offset 4: have version 4, want 2 or 3"},
		"version 0":         {builder{}.magic(0, 0, 0), "offset 4: have version 0, want 2 or 3"},
		"big endian":        {builder{}.magic(3<<24, 0, 0), "offset 4: this is a big-endian GGUF file"},
		"many tensors":      {builder{}.magic(3, huge, 0), "offset 8: have 1000000000000000000 tensors and 0 fields, want at most 262144"},
		"many fields":       {builder{}.magic(3, 0, huge), "offset 8: have 0 tensors and 1000000000000000000 fields"},
		"few bytes":         {builder{}.magic(3, 1000, 2), "offset 8: have 1000 tensors and 2 fields, for which the 0 bytes to the end of the file are too few"},
		"long key":          {builder{}.magic(3, 0, 1).u64(huge).pad(64), "offset 24: a field: have a name of 1000000000000000000 bytes, want at most 65535"},
		"cut key":           {builder{}.magic(3, 0, 1).u64(60).pad(64), "offset 32: a field: have 32 bytes to the end of the file, want 60"},
		"no UTF-8":          {builder{}.magic(3, 0, 1).str("\xff").pad(64), "offset 24: a field: have a name that is not UTF-8"},
		"kind":              {builder{}.magic(3, 0, 1).field("a", 13).pad(64), `offset 37: field "a": have a value of kind 13, want one of 0 to 12`},
		"long string":       {builder{}.magic(3, 0, 1).field("a", kindString).u64(huge), `field "a": have 0 bytes to the end of the file, want 1000000000000000000`},
		"long array":        {builder{}.magic(3, 0, 1).field("a", kindArray).u32(uint32(kindUint32)).u64(huge), `field "a": have 0 bytes to the end of the file, want 4000000000000000000`},
		"longer array":      {builder{}.magic(3, 0, 1).field("a", kindArray).u32(uint32(kindUint64)).u64(1 << 62), `field "a": have an array of 4611686018427387904 values, which is longer than any file`},
		"array of strings":  {builder{}.magic(3, 0, 1).field("a", kindArray).u32(uint32(kindString)).u64(huge).pad(8), `field "a": have`},
		"array of nothing":  {builder{}.magic(3, 0, 1).field("a", kindArray).u32(uint32(kindArray)).u64(huge), `field "a": have 0 bytes to the end of the file, want 4`},
		"deep array":        {arrays, "have arrays in arrays to a depth of more than 8"},
		"field twice":       {builder{}.magic(3, 0, 2).field("a", kindBool).raw(1).field("a", kindBool).raw(1), `offset 38: field "a" comes twice`},
		"alignment 0":       {builder{}.magic(3, 0, 1).field(alignmentKey, kindUint32).u32(0), "general.alignment: have 0 of kind UINT32, want a power of two"},
		"alignment 33":      {builder{}.magic(3, 0, 1).field(alignmentKey, kindUint32).u32(33), "general.alignment: have 33"},
		"alignment a text":  {builder{}.magic(3, 0, 1).field(alignmentKey, kindString).str("32"), "general.alignment: have 0 of kind STRING"},
		"alignment is huge": {builder{}.magic(3, 1, 1).field(alignmentKey, kindUint32).u32(1<<31).tensor("x", ggml.F32, 0, 1).raw(numbers...), "have 4 bytes of numbers at 0 after the header, which ends at offset 2147483648"},
		"dimensions":        {one.str("x").u32(math.MaxUint32).pad(128), `tensor "x": have 4294967295 dimensions, want at most 4`},
		"a dimension":       {one.tensor("x", ggml.F32, 0, math.MaxUint64), `tensor "x": have a dimension of 18446744073709551615`},
		"product":           {one.tensor("x", ggml.F32, 0, 1<<40, 1<<40), `tensor "x": F32 of shape [1099511627776 1099511627776] is too large`},
		"IQ":                {one.tensor("x", 20, 0, 32).raw(numbers...), `offset 24: tensor "x": have numbers of IQ4_NL, which is not supported`},
		"unknown type":      {one.tensor("x", 99, 0, 32).raw(numbers...), `tensor "x": have numbers of type 99, which is not supported`},
		"row":               {one.tensor("x", ggml.Q8_0, 0, 16, 2).raw(numbers...), `tensor "x": have rows of 16 numbers (shape [2 16]), want a multiple of 32 for Q8_0`},
		"offset":            {one.tensor("x", ggml.F32, 8, 1).raw(numbers...), `tensor "x": have its numbers at 8 after the header, want a multiple of the alignment 32`},
		"far offset":        {one.tensor("x", ggml.F32, math.MaxUint64-31, 1).raw(numbers...), `tensor "x": have 4 bytes of numbers at 18446744073709551584 after the header`},
		"truncated":         {one.tensor("x", ggml.F32, 0, 100).raw(numbers...), `tensor "x": have 400 bytes of numbers at 0 after the header, which ends at offset 64, in a file of 121 bytes`},
		"twice":             {builder{}.magic(3, 2, 0).tensor("x", ggml.F32, 0, 1).tensor("x", ggml.F32, 32, 1).pad(32).raw(numbers...), `offset 57: tensor "x": comes twice`},
		"overlap":           {builder{}.magic(3, 2, 0).tensor("x", ggml.F32, 0, 9).tensor("y", ggml.F32, 32, 1).pad(32).raw(numbers...), `offset 57: tensor "y": begins at offset 128, within tensor "x", which ends at 132`},
		"original kind":     {builder{}.magic(3, 1, 1).field(original+"x", kindUint8).raw(1).tensor("x", ggml.F32, 0, 1).pad(32).raw(numbers...), "orig_shape.: have a value of another kind"},
		"original product":  {builder{}.magic(3, 1, 1).field(original+"x", kindArray).u32(uint32(kindInt32)).u64(2).u32(2).u32(3).tensor("x", ggml.F32, 0, 5).pad(32).raw(numbers...), "orig_shape.: have [2 3], but the numbers of shape [5]"},
		"original negative": {builder{}.magic(3, 1, 1).field(original+"x", kindArray).u32(uint32(kindInt32)).u64(1).u32(math.MaxUint32).tensor("x", ggml.F32, 0, 1).pad(32).raw(numbers...), "orig_shape.: have [-1], want positive numbers"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := openBytes(t, tt.data)
			assert.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, "gguf: m.gguf: offset ")
			assert.Nil(t, f)
		})
	}
}

// A file that is cut anywhere, or has a byte that is another, is an error or reads without
// harm; it costs no more than its size allows.
func TestDamaged(t *testing.T) {
	whole, err := os.ReadFile("testdata/written.gguf")
	require.NoError(t, err)
	for n := range len(whole) - 31 { // but for the padding of the last
		_, err := openBytes(t, whole[:n])
		require.Error(t, err, "cut to %d bytes", n)
	}
	for i := range whole {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			data := bytes.Clone(whole)
			data[i] ^= flip
			read(t, data)
		}
	}
}

// read opens a file and reads all of it, if it can be opened.
func read(t testing.TB, data []byte) {
	f, err := openBytes(t, data)
	if err != nil {
		return
	}
	defer f.Close()
	for _, name := range f.Names() {
		shape, _, ok := f.Tensor(name)
		require.True(t, ok)
		n := count(shape)
		require.LessOrEqual(t, n, 4*len(data), "numbers of %v in a file of %d bytes", shape, len(data))
		require.NoError(t, f.Float32s(name, 0, make([]float32, n)))
	}
	for key := range f.fields {
		value, ok := f.Value(key)
		require.True(t, ok)
		_ = fmt.Sprint(value)
	}
}

// No header makes the reader panic or take much more memory than the file has.
func FuzzOpen(f *testing.F) {
	whole, err := os.ReadFile("testdata/written.gguf")
	require.NoError(f, err)
	f.Add(whole)
	f.Add([]byte(builder{}.magic(2, 1, 1).field(alignmentKey, kindUint32).u32(64).tensor("x", ggml.Q4_K, 0, 256).pad(64).raw(make([]byte, 144)...)))
	f.Add([]byte(builder{}.magic(3, 0, 1).field("a", kindArray).u32(uint32(kindArray)).u64(1).u32(uint32(kindString)).u64(1).str("b")))
	f.Fuzz(func(t *testing.T, data []byte) { read(t, data) })
}

// A header costs memory in proportion to its bytes, whatever it says.
func TestCost(t *testing.T) {
	const n, most = 20_000, 20 // bytes for each of the file's, with the lists that grow
	tensors, fields := builder{}.magic(3, n, 0), builder{}.magic(3, 0, n)
	for i := range n {
		name := fmt.Sprint(i)
		tensors = tensors.tensor(name, ggml.F32, 0, 0)
		fields = fields.field(name, kindBool).raw(1)
	}
	strings := builder{}.magic(3, 0, 1).field("a", kindArray).u32(uint32(kindString)).u64(10 * n).raw(make([]byte, 80*n)...)
	arrays := builder{}.magic(3, 0, 1).field("a", kindArray).u32(uint32(kindArray)).u64(10 * n).raw(make([]byte, 120*n)...)
	for name, data := range map[string]builder{"tensors": tensors.pad(32), "fields": fields, "strings": strings, "arrays": arrays} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f, err := openBytes(t, data)
		require.NoError(t, err, name)
		_, ok := f.Value("a")
		assert.Equal(t, name == "strings" || name == "arrays", ok)
		runtime.ReadMemStats(&after)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(most*len(data)), name)
	}
}
