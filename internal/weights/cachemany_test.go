package weights

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"sdgo/internal/kernel"
)

// Many loads at once, each with a cache of the folder as processes have them, give the
// same numbers.
func TestCacheConcurrent(t *testing.T) {
	path, dir := filepath.Join(t.TempDir(), "m.safetensors"), t.TempDir()
	writeModel(t, path, 0)
	want, _ := loadCached(t, t.Context(), path, nil, kernel.Float32, false)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			c, err := NewCache(dir)
			if !assert.NoError(t, err) {
				return
			}
			for range 3 {
				have, _ := loadCached(t, t.Context(), path, c, kernel.Float32, false)
				assert.Equal(t, want, have)
			}
			assert.Empty(t, c.Warnings())
		})
	}
	wait.Wait()
	assert.Len(t, cacheFiles(t, dir, ".weights"), 1)
	assert.Empty(t, cacheFiles(t, dir, ".tmp"))
}

// The way of packing is a part of the key: each form has a probe of its own.
func TestProbe(t *testing.T) {
	seen := map[string]bool{}
	for _, format := range []kernel.Format{kernel.Float32, kernel.Float16} {
		for _, taps := range []int{0, 1, 9} {
			p := string(probe(taps, format))
			assert.False(t, seen[p], "%d %v", taps, format)
			assert.Equal(t, p, string(probe(taps, format)))
			seen[p] = true
		}
	}
}
