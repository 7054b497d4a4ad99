package sdgo_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	link    = regexp.MustCompile(`\[([^\]]*)\]\(([^)#]+)\)`)
	example = regexp.MustCompile(`^Example\w*$`)
	command = regexp.MustCompile(`(?m)^    .*?\bgo (?:run|test|build|doc|generate) .*$`)
)

// What the README links to is there, and so are the examples that it names and the
// folders in its commands.
func TestREADME(t *testing.T) {
	data, err := os.ReadFile("README.md")
	require.NoError(t, err)
	text, links, examples, folders := string(data), 0, 0, 0
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		if strings.Contains(m[2], "://") {
			continue
		}
		links++
		_, err := os.Stat(m[2])
		assert.NoError(t, err, m[0])
		if example.MatchString(m[1]) {
			examples++
			source, err := os.ReadFile(m[2])
			require.NoError(t, err)
			assert.Contains(t, string(source), "\nfunc "+m[1]+"() {\n", m[0])
		}
	}
	for _, line := range command.FindAllString(text, -1) {
		for _, word := range strings.Fields(line) {
			if strings.HasPrefix(word, "./") && !strings.HasPrefix(word, "./txt2img") {
				folders++
				assert.DirExists(t, filepath.FromSlash(strings.TrimSuffix(word, "/...")), line)
			}
		}
	}
	assert.Greater(t, links, 10)
	assert.Greater(t, examples, 4)
	assert.Greater(t, folders, 10)
}

// Every package outside internal is in the README's table, and every folder of internal
// in the paragraph below it.
func TestPackagesInREADME(t *testing.T) {
	data, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(data), "\n## Packages\n")
	require.True(t, found)
	section, _, found = strings.Cut(section, "\n## ")
	require.True(t, found)
	packages := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if !d.IsDir() || path == "." {
			return err
		}
		if name := d.Name(); strings.HasPrefix(name, ".") || name == "internal" || name == "examples" || name == "testdata" {
			return fs.SkipDir
		}
		if files, err := filepath.Glob(filepath.Join(path, "*.go")); err != nil || len(files) == 0 {
			return err
		}
		packages++
		assert.True(t, strings.Contains(section, "\n| `"+filepath.ToSlash(path)+"` |"), "package %s is not in the table", path)
		return nil
	}))
	assert.Greater(t, packages, 9)
	rooms, err := os.ReadDir("internal")
	require.NoError(t, err)
	require.NotEmpty(t, rooms)
	for _, room := range rooms {
		assert.True(t, strings.Contains(section, "`"+room.Name()+"`"), "internal/%s is not below the table", room.Name())
	}
}
