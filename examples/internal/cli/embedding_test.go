package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The word stands behind the file's name, which may have colons, too.
func TestWorded(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"cat.pt", "a:b.pt"} {
		require.NoError(t, os.WriteFile(name, nil, 0o600))
	}
	whole := filepath.Join(".", "a:b.pt")
	for s, want := range map[string]embedding{
		"cat.pt": {"cat.pt", ""}, "cat.pt:<cat>": {"cat.pt", "<cat>"}, "cat.pt:x:y": {"cat.pt", "x:y"},
		whole: {whole, ""}, whole + ":z": {whole, "z"}, "none.pt:<cat>": {"none.pt:<cat>", ""}, "cat.pt:": {"cat.pt", ""},
	} {
		assert.Equal(t, want, worded(s), s)
	}
}
