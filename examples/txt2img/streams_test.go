package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
)

// made runs the command, which must go well, and returns what it says.
func made(t *testing.T, args ...string) (stderr string) {
	t.Helper()
	status, stdout, stderr := clitest.Run(t.Context(), run, args...)
	require.Equal(t, 0, status, stderr)
	assert.Empty(t, stdout)
	return stderr
}

// A random seed is another one each time, and the one that is printed makes the same
// picture.
func TestRandomSeed(t *testing.T) {
	t.Chdir(t.TempDir())
	seeds := map[string]bool{}
	for i := range 3 {
		stderr := made(t, append(tiny, "-seed", "-1", "-o", fmt.Sprint(i, ".png"))...)
		found := regexp.MustCompile(`note: seed (\d+), drawn at random\n`).FindStringSubmatch(stderr)
		require.NotNil(t, found, stderr)
		assert.Contains(t, stderr, ".png (seed "+found[1]+"): ")
		assert.False(t, seeds[found[1]])
		seeds[found[1]] = true
		made(t, append(tiny, "-seed", found[1], "-o", "again.png")...)
		assert.Equal(t, clitest.ReadPNG(t, "again.png"), clitest.ReadPNG(t, fmt.Sprint(i, ".png")))
	}
	assert.NotContains(t, made(t, append(tiny, "-seed", "-1", "-seed", "0x10")...), "random", "the last flag holds")
	assert.Contains(t, made(t, append(tiny, "-seed", "18446744073709551615")...), "(seed 18446744073709551615)")
}

// A prompt on standard input is the same as an argument.
func TestStandardInput(t *testing.T) {
	t.Chdir(t.TempDir())
	flags := []string{"-width", "16", "-height", "16", "-steps", "2", "-o"}
	made(t, append(flags, "argument.png", "a red house")...)
	for _, text := range []string{"a red house", "a red house\n", "a red house\r\n"} {
		status, _, stderr := clitest.RunOn(t.Context(), text, run, append(flags, "stdin.png", "-")...)
		require.Equal(t, 0, status, stderr)
		assert.Equal(t, clitest.ReadPNG(t, "argument.png"), clitest.ReadPNG(t, "stdin.png"), "%q", text)
	}
	for want, text := range map[string]string{"is empty": "\n", "has more than 1048576 bytes": strings.Repeat("a", 1<<20+1)} {
		status, _, stderr := clitest.RunOn(t.Context(), text, run, append(flags, "no.png", "-")...)
		assert.Equal(t, 2, status)
		assert.Contains(t, stderr, "test: prompt: standard input "+want)
	}
	assert.NoFileExists(t, "no.png")
}

// Quiet is quiet about what went well alone.
func TestQuiet(t *testing.T) {
	t.Chdir(t.TempDir())
	assert.Empty(t, made(t, append(tiny, "-quiet", "-n", "2")...))
	assert.FileExists(t, "out-1.png")
	clitest.Misused(t, run, "not defined", append(tiny, "-quiet", "-nosuch")...)
	assert.Contains(t, made(t, append(tiny, "-quiet", strings.Repeat("house ", 80))...), "note: the prompt is too long")
}

// Numbers sort as names do.
func TestNumbers(t *testing.T) {
	t.Chdir(t.TempDir())
	stderr := made(t, "-width", "8", "-height", "8", "-steps", "1", "-n", "11", "-seed", "5", "-o", "a.b.PNG", "x")
	assert.Contains(t, stderr, "a.b-00.PNG (seed 5), a.b-01.PNG (seed 6), ")
	assert.Contains(t, stderr, "a.b-10.PNG (seed 15): load ")
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Len(t, entries, 11)
	for i, e := range entries {
		assert.Equal(t, fmt.Sprintf("a.b-%02d.PNG", i), e.Name())
	}
}

// Whatever the file system takes is a name of a picture, and a link leads to it.
func TestOutputNames(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("folder", 0o755))
	long := strings.Repeat("a", 251) + ".png"
	for _, name := range []string{long, "with space.png", "bild-é猫.png", "-dash.png", "no extension", filepath.Join("folder", "..", "x.png")} {
		assert.Contains(t, made(t, append(tiny, "-o", name)...), name+" (seed 1): load ")
		clitest.ReadPNG(t, name)
	}
	if err := os.Symlink(filepath.Join("folder", "real.png"), "link.png"); err != nil {
		t.Skip(err) // Windows asks for a privilege
	}
	for range 2 { // the first one makes the file, the second replaces it
		made(t, append(tiny, "-o", "link.png")...)
		clitest.ReadPNG(t, filepath.Join("folder", "real.png"))
		info, err := os.Lstat("link.png")
		require.NoError(t, err)
		assert.NotZero(t, info.Mode()&os.ModeSymlink)
	}
	entries, err := os.ReadDir("folder")
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

// A run that cannot write all of its files writes none, and is not begun.
func TestAllOrNone(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("out-2.png", 0o755))
	require.NoError(t, os.WriteFile("out-0.png", []byte("old"), 0o644))
	status, _, stderr := clitest.Run(t.Context(), run, append(tiny, "-n", "3")...)
	assert.Equal(t, 1, status)
	assert.Equal(t, "test: -o: out-2.png is not a regular file\n", stderr)
	old, err := os.ReadFile("out-0.png")
	require.NoError(t, err)
	assert.Equal(t, "old", string(old))
	assert.NoFileExists(t, "out-1.png")
}
