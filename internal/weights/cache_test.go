package weights

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/ggml"
	"sdgo/internal/kernel"
	"sdgo/internal/mapped"
	"sdgo/internal/op"
	"sdgo/safetensors"
	"sdgo/safetensors/checkpoint"
)

// onDisk is a checkpoint of a file with some tensors, which counts what is read of it.
type onDisk struct {
	checkpoint.Source
	file *safetensors.File
	read *atomic.Int64
}

func (d onDisk) Identity() (mapped.Identity, bool) { return mapped.IdentityOf(d.file) }
func (d onDisk) Release(string)                    {}
func (d onDisk) Changed() error                    { return d.file.Changed() }
func (d onDisk) Float32s(name string, from int, dst []float32) error {
	d.read.Add(int64(len(dst)))
	t, _ := d.file.Tensor(name)
	part, err := t.Slice(from, len(dst))
	if err != nil {
		return err
	}
	return part.Float32sInto(dst)
}

// shapes are those of the tensors: a matrix, a convolution, a table, a vector, and a matrix
// with a number that float16 does not have.
var shapes = map[string][]int{"linear": {70, 64}, "conv": {40, 32, 3, 3}, "table": {50, 20}, "bias": {70}, "large": {33, 32}}

// writeModel writes a file whose numbers begin with first.
func writeModel(t *testing.T, path string, first float32) {
	t.Helper()
	var tensors []safetensors.Tensor
	for name, shape := range shapes {
		n := 1
		for _, d := range shape {
			n *= d
		}
		x := make([]float32, n)
		for i := range x {
			x[i] = first + float32(math.Sin(float64(i)))
		}
		if name == "large" {
			x[5] = 70000
		}
		tensor, err := safetensors.NewFloat32(name, shape, x)
		require.NoError(t, err)
		tensors = append(tensors, tensor)
	}
	require.NoError(t, safetensors.WriteFile(path, tensors, nil))
}

// age makes a file old enough for its stamp to be trusted.
func age(t *testing.T, f *mapped.File) {
	t.Helper()
	was := settled
	t.Cleanup(func() { settled = was })
	settled = 100 * time.Millisecond
	if _, changed, ok := f.Stamp(); ok {
		time.Sleep(max(0, settled+10*time.Millisecond-time.Since(changed)))
	}
}

// packedNumbers are digests of the parameters' numbers as they are in memory.
type packedNumbers map[string][sha256.Size]byte

// loadCached loads the file, with a cache if there is one, and says how many numbers were
// read of the file.
func loadCached(t *testing.T, ctx context.Context, path string, c *Cache, format kernel.Format, old bool) (packedNumbers, int) {
	t.Helper()
	file, err := safetensors.Open(path)
	require.NoError(t, err)
	defer file.Close()
	id, ok := mapped.IdentityOf(file)
	require.True(t, ok)
	if old {
		age(t, id.Files[0])
	}
	var params []*Param
	for _, name := range []string{"linear", "conv", "table", "bias", "large"} {
		shape := shapes[name]
		p := &Param{Key: name, Shape: shape, DType: "F32", Value: op.NewWeight(shape), Lowest: format}
		if len(shape) > 1 && name != "table" {
			p.Out, p.In, p.Taps, p.Format = shape[0], shape[1], 1, format
			if len(shape) == 4 {
				p.Taps = 9
			}
		}
		params = append(params, p)
	}
	params[2].Stored = ggml.F32
	eng, err := engine.New(&engine.Options{Threads: 2})
	require.NoError(t, err)
	var read atomic.Int64
	ws, err := Load(c.In(ctx), "net", onDisk{file: file, read: &read}, params, eng, nil)
	require.NoError(t, err)
	defer ws.Close()
	numbers := make(packedNumbers)
	for _, p := range params {
		numbers[p.Key+" "+p.Format.String()] = sha256.Sum256(bytesOf(p.data()))
	}
	return numbers, int(read.Load())
}

// cacheFiles are the files of a cache with an ending.
func cacheFiles(t *testing.T, dir, ending string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+ending))
	require.NoError(t, err)
	return names
}

// The second load reads nothing of the model's file and gives the same numbers; another
// format, and another file, have weights of their own.
func TestCache(t *testing.T) {
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "m.safetensors")
	writeModel(t, path, 0)
	c, err := NewCache(filepath.Join(dir, "cache"))
	require.NoError(t, err)
	for _, format := range []kernel.Format{kernel.Float32, kernel.Float16, kernel.BFloat16, kernel.Int8} {
		want, all := loadCached(t, t.Context(), path, nil, format, false)
		require.Positive(t, all)
		first, read := loadCached(t, t.Context(), path, c, format, true)
		assert.Equal(t, all, read, format)
		assert.Equal(t, want, first, format)
		second, read := loadCached(t, t.Context(), path, c, format, false)
		assert.Zero(t, read, format)
		assert.Equal(t, want, second, format)
	}
	assert.Len(t, cacheFiles(t, c.dir, ".weights"), 4)
	assert.Empty(t, c.Warnings())

	other := filepath.Join(t.TempDir(), "copy.safetensors")
	writeModel(t, other, 0)
	_, read := loadCached(t, t.Context(), other, c, kernel.Float32, false)
	assert.Zero(t, read, "a copy has the same content")
	writeModel(t, other, 1)
	want, _ := loadCached(t, t.Context(), other, nil, kernel.Float32, false)
	have, read := loadCached(t, t.Context(), other, c, kernel.Float32, false)
	assert.Positive(t, read)
	assert.Equal(t, want, have)
}

// A file that was changed in its place, to as many bytes and the date that it had, does not
// give the weights that it had, whether it was changed long ago or just now.
func TestCacheStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	writeModel(t, path, 0)
	c, err := NewCache(t.TempDir())
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	loadCached(t, t.Context(), path, c, kernel.Float32, true)
	for i := range 3 {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], math.Float32bits(float32(i)+0.5))
		_, err = f.WriteAt(b[:], int64(len(data)-4))
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
		want, _ := loadCached(t, t.Context(), path, nil, kernel.Float32, false)
		have, read := loadCached(t, t.Context(), path, c, kernel.Float32, false)
		assert.Positive(t, read)
		assert.Equal(t, want, have)
	}
	assert.LessOrEqual(t, len(cacheFiles(t, c.dir, ".source")), 1, "what was changed just now is not remembered")
}

// A damaged file of the cache is found out and made again: cut anywhere, or with a bit
// turned, in the header or the numbers, or another file altogether.
func TestCacheDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	writeModel(t, path, 0)
	c, err := NewCache(t.TempDir())
	require.NoError(t, err)
	want, all := loadCached(t, t.Context(), path, c, kernel.Float16, false)
	name := cacheFiles(t, c.dir, ".weights")[0]
	whole, err := os.ReadFile(name)
	require.NoError(t, err)
	damage := map[string][]byte{"empty": {}, "text": []byte("no file of a cache, but longer than its header is")}
	for _, n := range []int{1, cacheHead - 1, cacheHead, 100, len(whole) / 2, len(whole) - 1} {
		damage["cut at "+time.Duration(n).String()] = whole[:n]
	}
	damage["longer"] = append(slices.Clone(whole), 0)
	for _, at := range []int{0, len(cacheMagic), len(cacheMagic) + 7, len(cacheMagic) + 9, cacheHead + 20, len(whole) / 3, len(whole) - 1} {
		turned := slices.Clone(whole)
		turned[at] ^= 0x10
		damage["bit of "+time.Duration(at).String()] = turned
	}
	warnings := 0
	for what, data := range damage {
		require.NoError(t, os.WriteFile(name, data, 0o666))
		have, read := loadCached(t, t.Context(), path, c, kernel.Float16, false)
		assert.Equal(t, all, read, what)
		assert.Equal(t, want, have, what)
		now, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.True(t, slices.Equal(whole, now), what)
		if assert.Len(t, c.Warnings(), warnings+1, what) {
			assert.Contains(t, c.Warnings()[warnings], "damaged")
		}
		warnings = len(c.Warnings())
	}
	for _, note := range cacheFiles(t, c.dir, ".source") {
		require.NoError(t, os.WriteFile(note, []byte("x"), 0o666))
	}
	have, read := loadCached(t, t.Context(), path, c, kernel.Float16, false)
	assert.Zero(t, read)
	assert.Equal(t, want, have)
}

// Weights that a caller's code changes are not kept, a folder that cannot be written to is
// a warning, and what was cancelled leaves no file.
func TestCacheNotKept(t *testing.T) {
	c, err := NewCache(t.TempDir())
	require.NoError(t, err)
	f := &formula{shape: []int{40, 64}, taps: 1, at: wave}
	eng, err := engine.New(&engine.Options{Threads: 1})
	require.NoError(t, err)
	ws, err := Load(c.In(t.Context()), "net", f, []*Param{f.param(kernel.Float32)}, eng, nil)
	require.NoError(t, err)
	ws.Close()
	entries, err := os.ReadDir(c.dir)
	require.NoError(t, err)
	assert.Empty(t, entries)

	path := filepath.Join(t.TempDir(), "m.safetensors")
	writeModel(t, path, 0)
	require.NoError(t, os.Remove(c.dir))
	loadCached(t, t.Context(), path, c, kernel.Float32, false)
	assert.NotEmpty(t, c.Warnings())
	assert.True(t, strings.HasPrefix(c.Warnings()[0], "cache: "))

	_, err = NewCache(path)
	assert.Error(t, err)

	c, err = NewCache(t.TempDir())
	require.NoError(t, err)
	e := &entry{c, strings.Repeat("0", 64)}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	e.store(ctx, nil, 1)
	assert.Empty(t, cacheFiles(t, c.dir, ""))
	assert.Empty(t, c.Warnings())
}
