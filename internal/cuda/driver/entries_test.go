//go:build gpu && cgo && linux

package driver_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The list of entry points is what package cu calls, and package driver itself.
func TestEntries(t *testing.T) {
	used := map[string]bool{}
	for i, pkg := range []string{"gorgonia.org/cu", "sdgo/internal/cuda/driver"} {
		archive := filepath.Join(t.TempDir(), string(rune('a'+i))+".a")
		out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "gpu", "-o", archive, pkg).CombinedOutput()
		require.NoError(t, err, "%s", out)
		symbols, err := exec.CommandContext(t.Context(), "nm", archive).Output() // on Go's own objects it says that it has none
		if len(symbols) == 0 {
			require.NoError(t, err)
		}
		for _, kind := range []string{"U", "T"} { // used, defined
			for _, m := range regexp.MustCompile(`(?m) `+kind+` (cu[A-Z]\w+)$`).FindAllStringSubmatch(string(symbols), -1) {
				if kind == "U" {
					used[m[1]] = true
				} else if pkg == "gorgonia.org/cu" {
					delete(used, m[1]) // a function of its own
				}
			}
		}
	}
	delete(used, "cuInit") // which open.c defines
	list, err := os.ReadFile("entries.txt")
	require.NoError(t, err)
	listed := map[string]bool{}
	for _, name := range strings.Fields(string(list)) {
		listed[name] = true
	}
	assert.Greater(t, len(used), 100)
	assert.Equal(t, used, listed)
}
