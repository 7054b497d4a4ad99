package weights

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/kernel"
	"sdgo/internal/mapped"
)

// The sums of a file of the cache are checked once, and again when it was changed.
func TestCacheChecked(t *testing.T) {
	path := t.TempDir() + "/m.safetensors"
	writeModel(t, path, 0)
	c, err := NewCache(t.TempDir())
	require.NoError(t, err)
	want, all := loadCached(t, t.Context(), path, c, kernel.Float16, true)
	assert.Empty(t, cacheFiles(t, c.dir, ".checked"), "it was written just now")
	time.Sleep(settled + 10*time.Millisecond)
	loadCached(t, t.Context(), path, c, kernel.Float16, true)
	notes := cacheFiles(t, c.dir, ".checked")
	if len(notes) == 0 {
		t.Skip("no stamps of files here")
	}
	require.Len(t, notes, 1)

	name := cacheFiles(t, c.dir, ".weights")[0]
	damage := func() {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		data[len(data)-70] ^= 1
		require.NoError(t, os.WriteFile(name, data, 0o666))
	}
	damage()
	have, read := loadCached(t, t.Context(), path, c, kernel.Float16, true)
	assert.Equal(t, all, read)
	assert.Equal(t, want, have)
	require.Len(t, c.Warnings(), 1)
	assert.Contains(t, c.Warnings()[0], "a checksum differs")

	// That a note is believed shows with one that is wrong.
	damage()
	f, err := mapped.Open(t.Context(), os.DirFS(c.dir), name[len(c.dir)+1:])
	require.NoError(t, err)
	defer f.Close()
	note, err := os.ReadFile(notes[0])
	require.NoError(t, err)
	stamp, _, _ := f.Stamp()
	require.NoError(t, os.WriteFile(notes[0], append(note[:65:65], stamp+"\n"...), 0o666))
	have, read = loadCached(t, t.Context(), path, c, kernel.Float16, true)
	assert.Zero(t, read)
	assert.NotEqual(t, want, have)
}
