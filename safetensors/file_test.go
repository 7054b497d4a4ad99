package safetensors_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/safetensors"
)

// file puts a safetensors file together.
func file(header, data string) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

// onlyFS hides that the files of a file system come from the system.
type onlyFS struct{ fs.FS }

func (f onlyFS) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	return struct{ fs.File }{file}, err
}

func openBytes(t testing.TB, b []byte) (*safetensors.File, error) {
	t.Helper()
	return safetensors.OpenFS(fstest.MapFS{"m.safetensors": {Data: b}}, "m.safetensors")
}

// writeTemp writes the tensors to a file of their own and returns its path.
func writeTemp(t testing.TB, tensors ...safetensors.Tensor) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.safetensors")
	require.NoError(t, safetensors.WriteFile(path, tensors, nil))
	return path
}

func float32Tensor(t testing.TB, name string, shape []int, data ...float32) safetensors.Tensor {
	t.Helper()
	tensor, err := safetensors.NewFloat32(name, shape, data)
	require.NoError(t, err)
	return tensor
}

func TestZeroCopy(t *testing.T) {
	path := writeTemp(t, float32Tensor(t, "a", []int{2, 2}, 1, 2, 3, 4))
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	defer f.Close()
	tensor, ok := f.Tensor("a")
	require.True(t, ok)
	v, err := tensor.Float32s()
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 2, 3, 4}, v)
	assert.Equal(t, unsafe.Pointer(&tensor.Bytes()[0]), unsafe.Pointer(&v[0]))

	tensor.Shape[0] = 99
	again, _ := f.Tensor("a")
	assert.Equal(t, []int{2, 2}, again.Shape, "the shape is the caller's own copy")
	_, ok = f.Tensor("b")
	assert.False(t, ok)
}

func TestClosed(t *testing.T) {
	f, err := safetensors.Open(writeTemp(t, float32Tensor(t, "a", []int{1}, 1)))
	require.NoError(t, err)
	tensor, _ := f.Tensor("a")
	require.NoError(t, f.Close())
	require.NoError(t, f.Close(), "twice")

	assert.Nil(t, tensor.Bytes())
	_, err = tensor.Float32s()
	assert.ErrorIs(t, err, os.ErrClosed)
	assert.ErrorIs(t, tensor.Float32sInto(make([]float32, 1)), os.ErrClosed)
	tensor.Release()
	err = safetensors.WriteFile(filepath.Join(t.TempDir(), "x"), []safetensors.Tensor{tensor}, nil)
	assert.ErrorIs(t, err, os.ErrClosed)
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := safetensors.Open(filepath.Join(dir, "none"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = safetensors.OpenFS(os.DirFS(dir), "none")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	_, err = safetensors.Open(dir)
	assert.ErrorContains(t, err, "want a regular file")
	var formatErr *safetensors.FormatError
	assert.False(t, errors.As(err, &formatErr))
}

// lyingFS claims sizes that its files do not have.
type lyingFS struct {
	fs.FS
	size int64
}

type lyingFile struct {
	fs.File
	size int64
}

type lyingInfo struct {
	fs.FileInfo
	size int64
}

func (f lyingFS) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	return lyingFile{file, f.size}, err
}

func (f lyingFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return lyingInfo{info, f.size}, err
}

func (i lyingInfo) Size() int64 { return i.size }

func TestSizeIsOnlyAPromise(t *testing.T) {
	inner := fstest.MapFS{"m": {Data: file(`{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}`, "abc")}}
	for _, size := range []int64{-1, 0, 10, 1 << 60} {
		_, err := safetensors.OpenFS(lyingFS{inner, size}, "m")
		assert.ErrorContains(t, err, "directory entry", "size %d", size)
	}
}

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

func TestRelease(t *testing.T) {
	const n = 8 << 20 // 32 MiB
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(i)
	}
	path := writeTemp(t, float32Tensor(t, "a", []int{n}, data...), float32Tensor(t, "b", []int{3}, 1, 2, 3))
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	defer f.Close()
	a, _ := f.Tensor("a")
	b, _ := f.Tensor("b")
	sum := func() (s float64) {
		v, err := a.Float32s()
		require.NoError(t, err)
		for _, x := range v {
			s += float64(x)
		}
		return s
	}
	want := float64(n) * (n - 1) / 2
	require.Equal(t, want, sum())
	if runtime.GOOS == "linux" {
		before := residentFile(t)
		a.Release()
		assert.Less(t, residentFile(t), before-n*4*3/4, "bytes resident")
	}
	a.Release()
	b.Release()
	assert.Equal(t, want, sum())
	v, err := b.Float32s()
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 2, 3}, v)
}

// residentFile returns the bytes of mapped files in this process's memory.
func residentFile(t *testing.T) int {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, after, ok := strings.Cut(string(status), "RssFile:")
	if !ok {
		t.Skip("the kernel does not tell RssFile")
	}
	var kb int
	_, err = fmt.Sscan(after, &kb)
	require.NoError(t, err)
	return kb << 10
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
