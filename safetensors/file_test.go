package safetensors_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
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
