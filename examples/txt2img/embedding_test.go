package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
	"sdgo/internal/golden"
)

// -embedding takes files of textual inversions, with a word or their own.
func TestEmbedding(t *testing.T) {
	model := golden.ModelDir(t, "tiny-sd15")
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "files"), os.DirFS("../../internal/inversion/testdata")))
	t.Chdir(dir)
	quick := []string{"-model", model, "-steps", "1", "-width", "64", "-height", "64", "-no-metadata"} // the pictures alone
	picture := func(prompt string, args ...string) (string, string) {
		t.Helper()
		status, _, stderr := clitest.Run(t.Context(), run, append(append(args, quick...), prompt)...)
		require.Equal(t, 0, status, stderr)
		data, err := os.ReadFile("out.png")
		require.NoError(t, err)
		return string(data), stderr
	}
	file := filepath.Join("files", "a1111.pt")
	own, stderr := picture("a tiny-cat", "-embedding", file)
	assert.Contains(t, stderr, `note: `+file+`: the word "tiny-cat" in prompts stands for 3 vectors`)
	named, _ := picture("a <cat>", "-embedding", file+":<cat>", "-embedding", filepath.Join("files", "single_vector.safetensors")+":<dog>")
	assert.Equal(t, own, named)
	without, _ := picture("a tiny-cat")
	assert.NotEqual(t, own, without)

	clitest.Misused(t, run, `want a file, and behind a colon a word`, append(quick, "-embedding", file+":", "a cat")...)
	clitest.Fails(t, run, "diffusion: load embedding: stat none.pt: no such file", append(quick, "-embedding", "none.pt", "a cat")...)
	status, _, stderr := clitest.Run(t.Context(), run, append(quick, "-embedding", file+":an", "a cat")...)
	assert.Equal(t, 2, status)
	assert.Contains(t, stderr, `"an" is a token of the vocabulary, want another name`)
}
