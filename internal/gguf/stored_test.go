package gguf

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStored(t *testing.T) {
	f, err := Open(t.Context(), os.DirFS("testdata"), "written.gguf")
	require.NoError(t, err)
	_, want, ok := f.Blocks("eight")
	require.True(t, ok)
	got := make([]byte, len(want))
	require.NoError(t, f.Stored("eight", 0, got))
	assert.Equal(t, want, got)
	require.NoError(t, f.Stored("eight", 34, got[:3]))
	assert.Equal(t, want[34:37], got[:3])
	require.NoError(t, f.Stored("eight", 0, nil))

	n := int64(len(want))
	for _, from := range []int64{-1, n - 2, n + 1, 1 << 62} {
		assert.ErrorContains(t, f.Stored("eight", from, got[:3]), "want 3 from")
	}
	assert.ErrorContains(t, f.Stored("nine", 0, nil), `no tensor "nine"`)
	require.NoError(t, f.Close())
	assert.ErrorIs(t, f.Stored("eight", 0, nil), os.ErrClosed)
}
