package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// onEach runs a test with unnamed files, where there are any, and with temporary
// names.
func onEach(t *testing.T, test func(t *testing.T)) {
	t.Run("unnamed", test)
	t.Run("temporary", func(t *testing.T) {
		open := openUnnamed
		t.Cleanup(func() { openUnnamed = open })
		openUnnamed = func(string) (*os.File, error) { return nil, errors.ErrUnsupported }
		test(t)
	})
}

func write(path, content string) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write([]byte(content)); err != nil {
		return err
	}
	return f.Commit()
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

func names(t *testing.T, folder string) (names []string) {
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestWrite(t *testing.T) {
	onEach(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		long := strings.Repeat("a", 251) + ".png" // 255 bytes, the most that a name may have
		for _, path := range []string{"a", "with space é猫", long, filepath.Join(t.TempDir(), "b")} {
			for _, content := range []string{"old", "new and longer", ""} {
				require.NoError(t, Check(path))
				require.NoError(t, write(path, content))
				assert.Equal(t, content, read(t, path))
			}
		}
		assert.ElementsMatch(t, []string{"a", "with space é猫", long}, names(t, "."))
	})
}

// Neither a check nor a file that is given up changes a folder.
func TestDiscard(t *testing.T) {
	onEach(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		require.NoError(t, os.WriteFile("a", []byte("old"), 0o600))
		for _, path := range []string{"a", "b"} {
			require.NoError(t, Check(path))
			f, err := Create(path)
			require.NoError(t, err)
			_, err = f.Write([]byte("new"))
			require.NoError(t, err)
			f.Discard()
			f.Discard()
		}
		assert.Equal(t, []string{"a"}, names(t, "."))
		assert.Equal(t, "old", read(t, "a"))
	})
}

// A file that is made after Create is replaced, as one that was there before.
func TestRace(t *testing.T) {
	onEach(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		f, err := Create("a")
		require.NoError(t, err)
		_, err = f.Write([]byte("new"))
		require.NoError(t, err)
		require.NoError(t, write("a", "another"))
		require.NoError(t, f.Commit())
		assert.Equal(t, "new", read(t, "a"))
		assert.Equal(t, []string{"a"}, names(t, "."))

		f, err = Create("folder")
		require.NoError(t, err)
		require.NoError(t, os.Mkdir("folder", 0o777))
		assert.ErrorContains(t, f.Commit(), "folder: ")
		assert.Equal(t, []string{"a", "folder"}, names(t, "."))
	})
}

// Where an unnamed file cannot be linked, it is copied.
func TestNoLinks(t *testing.T) {
	t.Chdir(t.TempDir())
	f, err := Create("a")
	require.NoError(t, err)
	defer f.Discard()
	_, err = f.Write([]byte("content"))
	require.NoError(t, err)
	if f.temporary == "" {
		require.NoError(t, f.giveName(false))
	}
	require.NoError(t, f.Commit())
	assert.Equal(t, "content", read(t, "a"))
	assert.Equal(t, []string{"a"}, names(t, "."))
}

func TestLinks(t *testing.T) {
	onEach(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		require.NoError(t, os.MkdirAll("far/deep", 0o777))
		for link, target := range map[string]string{
			"to-new":    "far/new", // which is not there
			"folder":    "far/deep",
			"far/up":    "deep/../other", // by way of the real folder
			"chain":     "to-new",
			"loop":      "loop",
			"to-folder": "far",
		} {
			if err := os.Symlink(target, link); err != nil {
				t.Skip(err) // Windows asks for a privilege
			}
		}
		require.NoError(t, os.Symlink("../sideways", "far/deep/back"))
		for path, real := range map[string]string{
			"to-new": "far/new", "chain": "far/new", "far/up": "far/other", "folder/back": "far/sideways",
		} {
			require.NoError(t, write(path, path))
			assert.Equal(t, path, read(t, real))
			info, err := os.Lstat(path)
			require.NoError(t, err)
			assert.NotZero(t, info.Mode()&fs.ModeSymlink, "%s is no link any more", path)
		}
		assert.NoError(t, Check("to-new", "far/up", "new"))
		assert.EqualError(t, Check("to-new", "new", "chain"), "chain is the same file as to-new")
		assert.EqualError(t, Check("a", "./a"), "./a is the same file as a")
		assert.Error(t, write("loop", ""))
		assert.ErrorContains(t, write("to-folder", ""), "to-folder is not a regular file")
		assert.ElementsMatch(t, []string{"deep", "new", "other", "sideways", "up"}, names(t, "far"))
	})
}

func TestErrors(t *testing.T) {
	onEach(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		require.NoError(t, os.Mkdir("folder", 0o777))
		require.NoError(t, os.WriteFile("file", nil, 0o666))
		for path, want := range map[string]string{
			"":                       "",
			"folder":                 "folder is not a regular file",
			"folder/":                "folder/ is not a regular file",
			"missing/a":              "missing/a: ",
			"missing/":               "missing/: ",
			"file/a":                 "file/a",
			"nul\x00":                "nul",
			strings.Repeat("a", 256): "aaa",
		} {
			assert.ErrorContains(t, Check(path), want, path)
			assert.ErrorContains(t, write(path, "x"), want, path)
		}
		assert.Equal(t, []string{"file", "folder"}, names(t, "."))
		assert.Empty(t, names(t, "folder"))
	})
}

// A file keeps its permissions, and a new one gets what the umask leaves.
func TestPermissions(t *testing.T) {
	onEach(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		require.NoError(t, os.WriteFile("like", nil, 0o666))
		require.NoError(t, os.WriteFile("private", nil, 0o600))
		for path, like := range map[string]string{"private": "private", "new": "like"} {
			want, err := os.Stat(like)
			require.NoError(t, err)
			require.NoError(t, write(path, "x"))
			have, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, want.Mode(), have.Mode(), path)
		}
	})
}

// A full disk is found before there is anything to write, and keeps the old file.
func TestFullDisk(t *testing.T) {
	folder := t.TempDir()
	if err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "none", folder).Run(); err != nil {
		t.Skip("mount: ", err)
	}
	t.Cleanup(func() { exec.Command("umount", folder).Run() })
	onEach(t, func(t *testing.T) {
		path := filepath.Join(folder, "a")
		require.NoError(t, write(path, "old"))
		require.NoError(t, Check(path))
		assert.ErrorContains(t, write(path, strings.Repeat("a", 1<<17)), path+": no space left")
		require.NoError(t, os.WriteFile(filepath.Join(folder, "rest"), make([]byte, 60<<10), 0o666))
		assert.ErrorContains(t, Check(path), path+": no space left")
		assert.Equal(t, "old", read(t, path))
		assert.Equal(t, []string{"a", "rest"}, names(t, folder))
		require.NoError(t, os.Remove(filepath.Join(folder, "rest")))
	})
}

// Of several that write one file at a time, one is there as a whole.
func TestConcurrent(t *testing.T) {
	onEach(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				for range 5 {
					assert.NoError(t, write("a", strings.Repeat(string(rune('a'+i)), 1<<15)))
				}
			})
		}
		group.Wait()
		content := read(t, "a")
		assert.Equal(t, strings.Repeat(content[:1], 1<<15), content)
		assert.Equal(t, []string{"a"}, names(t, "."))
	})
}

// Several files are put at their places together.
func TestCommit(t *testing.T) {
	onEach(t, func(t *testing.T) {
		t.Chdir(t.TempDir())
		create := func() (files []*File) {
			for _, name := range []string{"a", "b", "c"} {
				f, err := Create(name)
				require.NoError(t, err)
				_, err = f.Write([]byte(name))
				require.NoError(t, err)
				files = append(files, f)
			}
			return files
		}
		files := create()
		require.NoError(t, os.Mkdir("c", 0o777)) // it comes in the way meanwhile
		assert.ErrorContains(t, Commit(files...), "c is not a regular file")
		for _, f := range files {
			f.Discard()
		}
		assert.Equal(t, []string{"c"}, names(t, "."))
		require.NoError(t, os.Remove("c"))
		require.NoError(t, Commit(create()...))
		for _, name := range []string{"a", "b", "c"} {
			assert.Equal(t, name, read(t, name))
		}
		assert.NoError(t, Commit())
	})
}
