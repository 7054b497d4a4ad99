package diffusion_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/internal/golden"
	"sdgo/safetensors/checkpoint"
)

// A model from the cache draws what it draws without: from a folder and from one file, in
// every precision, which have files of their own.
func TestCache(t *testing.T) {
	dir, out := golden.ModelDir(t, "tiny-sd15"), t.TempDir()
	file, cache := filepath.Join(out, "a.gguf"), filepath.Join(out, "cache")
	require.NoError(t, diffusion.Convert(t.Context(), dir, file, nil, nil))
	count := 0
	for _, path := range []string{dir, file} {
		for _, precision := range []string{"", diffusion.Float32, diffusion.BFloat16, diffusion.Int8} {
			want := latents(t, path, &diffusion.LoadOptions{Precision: precision})
			for range 2 {
				assert.Equal(t, want, latents(t, path, &diffusion.LoadOptions{Precision: precision, Cache: cache}), "%s %s", path, precision)
			}
			now := entries(t, cache)
			assert.GreaterOrEqual(t, now, count)
			count = now
		}
	}
	assert.Greater(t, count, 2*3, "more than one precision")
}

// entries are the weights in a cache.
func entries(t *testing.T, cache string) (n int) {
	t.Helper()
	list, err := os.ReadDir(cache)
	require.NoError(t, err)
	for _, e := range list {
		if strings.HasSuffix(e.Name(), ".weights") {
			n++
		}
	}
	return n
}

// Parts that a caller changes are not kept, what is damaged is a warning and made again,
// and a folder that cannot be is an error.
func TestCacheChanged(t *testing.T) {
	dir, cache := golden.ModelDir(t, "tiny-sd15"), t.TempDir()
	load := func(o *diffusion.LoadOptions) *diffusion.Pipeline {
		p, err := diffusion.Load(dir, o)
		require.NoError(t, err)
		t.Cleanup(func() { p.Close() })
		return p
	}
	load(&diffusion.LoadOptions{Cache: cache, Overlay: func(part string, src checkpoint.Source) (checkpoint.Source, error) {
		return checkpoint.NewOverlay(src), nil
	}})
	assert.Zero(t, entries(t, cache))
	assert.Empty(t, load(&diffusion.LoadOptions{Cache: cache}).Warnings)
	assert.Equal(t, 3, entries(t, cache))

	files, err := filepath.Glob(filepath.Join(cache, "*.weights"))
	require.NoError(t, err)
	require.NoError(t, os.Truncate(files[0], 1000))
	p := load(&diffusion.LoadOptions{Cache: cache})
	if assert.Len(t, p.Warnings, 1) {
		assert.Contains(t, p.Warnings[0], "cache: "+files[0]+": damaged")
	}
	assert.Empty(t, load(&diffusion.LoadOptions{Cache: cache}).Warnings)

	_, err = diffusion.Load(dir, &diffusion.LoadOptions{Cache: files[0]})
	assert.ErrorIs(t, err, diffusion.ErrOptions)
}
