package sampler_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The package comment's map has each file but the solvers', and no other.
func TestMap(t *testing.T) {
	comment, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	mapped := map[string]bool{"doc.go": true}
	for _, name := range regexp.MustCompile(`\w+\.go`).FindAllString(string(comment), -1) {
		mapped[name] = true
		assert.FileExists(t, name)
	}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		solver := strings.Contains(string(text), ") Sample(")
		assert.True(t, mapped[name] || solver || strings.HasSuffix(name, "_test.go"), "%s is not in the map", name)
	}
}
