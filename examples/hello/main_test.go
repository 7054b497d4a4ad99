package main

import (
	"image"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
)

// The code in the README is this program, and it runs.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	program, err := os.ReadFile("main.go")
	require.NoError(t, err)
	_, block, found := strings.Cut(string(readme), "```go\n")
	require.True(t, found)
	block, _, found = strings.Cut(block, "```\n")
	require.True(t, found)
	assert.Equal(t, string(program), block)

	t.Chdir(t.TempDir())
	main()
	assert.Equal(t, image.Rect(0, 0, 128, 128), clitest.ReadPNG(t, "boat.png").Bounds())
}
