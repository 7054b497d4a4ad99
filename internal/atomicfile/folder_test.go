package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tree lists a folder's files with their contents.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		found[filepath.ToSlash(name)] = string(data)
		return err
	}))
	return found
}

func fill(t *testing.T, f *Folder, files map[string]string) {
	t.Helper()
	for name, content := range files {
		file, err := f.Create(name)
		require.NoError(t, err)
		_, err = file.WriteString(content)
		require.NoError(t, err)
	}
}

// A folder is at its place with all its files, or not at all.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model")
	files := map[string]string{"index.json": "{}", "unet/weights": "abc"}
	f, err := CreateFolder(path, false)
	require.NoError(t, err)
	fill(t, f, files)
	assert.NoDirExists(t, path)
	f.Discard()
	assert.Empty(t, tree(t, dir))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries, "not even empty folders")

	f, err = CreateFolder(path, false)
	require.NoError(t, err)
	fill(t, f, files)
	require.NoError(t, f.Commit())
	f.Discard()
	assert.Equal(t, map[string]string{"model/index.json": "{}", "model/unet/weights": "abc"}, tree(t, dir))

	_, err = CreateFolder(path, false)
	assert.ErrorIs(t, err, fs.ErrExist)
	f, err = CreateFolder(path, true)
	require.NoError(t, err)
	fill(t, f, map[string]string{"new": "1"})
	assert.Equal(t, "{}", tree(t, path)["index.json"], "the old one is there until the end")
	require.NoError(t, f.Commit())
	assert.Equal(t, map[string]string{"model/new": "1"}, tree(t, dir))
}

// An empty folder may be replaced, a file may not, and what has come meanwhile stays.
func TestFolderTaken(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "model")
	require.NoError(t, os.Mkdir(path, 0o777))
	f, err := CreateFolder(path, false)
	require.NoError(t, err)
	fill(t, f, map[string]string{"a": "1"})
	require.NoError(t, os.WriteFile(filepath.Join(path, "come"), []byte("2"), 0o666))
	assert.ErrorIs(t, f.Commit(), fs.ErrExist)
	assert.Equal(t, map[string]string{"model/come": "2"}, tree(t, dir))

	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	for _, replace := range []bool{false, true} {
		_, err := CreateFolder(file, replace)
		assert.Error(t, err)
	}
	_, err = CreateFolder(filepath.Join(dir, "no", "model"), false)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// Where two names cannot be exchanged the old one is moved aside.
func TestFolderMovedAside(t *testing.T) {
	was := exchange
	defer func() { exchange = was }()
	exchange = func(string, string) error { return errors.ErrUnsupported }
	dir := t.TempDir()
	path := filepath.Join(dir, "model")
	for _, content := range []string{"1", "2"} {
		f, err := CreateFolder(path+"/", true)
		require.NoError(t, err)
		fill(t, f, map[string]string{"a": content})
		require.NoError(t, f.Commit())
		assert.Equal(t, map[string]string{"model/a": content}, tree(t, dir))
	}
}
