package pickle_test

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/pickle"
	"sdgo/safetensors"
)

// allocated returns how many bytes f allocates.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// A storage is read when its tensor is, and no more of it than is asked for.
func TestLazy(t *testing.T) {
	const n, most = 4 << 20, 512 << 10 // elements of 4 bytes; bytes
	numbers := make([]float32, n)
	for i := range numbers {
		numbers[i] = float32(i)
	}
	x, err := safetensors.NewFloat32("x", []int{n}, numbers)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.pt"), golden.Pickle(t, x), 0o600))
	var f *pickle.File
	assert.Less(t, allocated(func() { f, err = pickle.Open(t.Context(), os.DirFS(dir), "x.pt") }), most, "opening")
	require.NoError(t, err)
	defer f.Close()
	part := make([]float32, 1<<20)
	assert.Less(t, allocated(func() { err = f.Float32s("x", 1000, part) }), most, "reading a part")
	require.NoError(t, err)
	assert.Equal(t, numbers[1000:1000+len(part)], part)
}

// Tensors of one storage are read at once, and let go of at any time.
func TestConcurrent(t *testing.T) {
	f := open(t, "views-zip.ckpt")
	names := []string{"full", "transposed", "column", "rows", "strided"}
	want := make(map[string][]float32)
	for _, name := range names {
		want[name] = all(t, f, name)
	}
	var wg sync.WaitGroup
	for range 4 {
		for _, name := range names {
			wg.Go(func() {
				for range 50 {
					x := make([]float32, len(want[name]))
					if assert.NoError(t, f.Float32s(name, 0, x)) {
						assert.Equal(t, want[name], x, name)
					}
					f.Release(name)
				}
			})
		}
	}
	wg.Wait()
}
