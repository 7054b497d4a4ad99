//go:build unix

package diffusion_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/internal/golden"
)

// Files of a cache that another program cuts while a pipeline computes from them are an
// error of what reads them. The next one to be loaded makes them again.
func TestCacheCut(t *testing.T) {
	dir := golden.ModelDir(t, "tiny-sd15")
	for _, precision := range []string{"", diffusion.BFloat16, diffusion.Int8} {
		for _, threads := range []int{1, 3} {
			o := &diffusion.LoadOptions{Cache: t.TempDir(), Precision: precision, Threads: threads}
			want := latents(t, dir, o)
			files, err := filepath.Glob(filepath.Join(o.Cache, "*.weights"))
			require.NoError(t, err)
			require.Len(t, files, 3)
			nameless := 0
			for _, file := range files {
				if cutOne(t, dir, o, file) == "" {
					nameless++
				}
				assert.Equal(t, want, latents(t, dir, o))
			}
			assert.Equal(t, 1, nameless)
		}
	}
}

// cutOne cuts a file of the cache while a pipeline has it, and returns the fingerprint that
// the U-Net has then: none if the file was its own.
func cutOne(t *testing.T, dir string, o *diffusion.LoadOptions, file string) string {
	t.Helper()
	pipe, err := diffusion.Load(dir, o)
	require.NoError(t, err)
	defer pipe.Close()
	require.Empty(t, pipe.Warnings)
	require.NoError(t, os.Truncate(file, 0))

	reason := filepath.Base(file) + ": offset "
	for range 2 {
		_, err = pipe.TextToImage(t.Context(), "a red house", &diffusion.Options{Steps: 2, Width: 64, Height: 64})
		assert.ErrorContains(t, err, reason)
		assert.ErrorContains(t, err, "cannot be read any more")
	}
	err = diffusion.Save(t.Context(), filepath.Join(t.TempDir(), "a.safetensors"), pipe, nil)
	assert.ErrorContains(t, err, reason)
	return pipe.UNet.Fingerprint()
}
