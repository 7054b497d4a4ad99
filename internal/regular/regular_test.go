//go:build unix

package regular_test

import (
	"archive/zip"
	"context"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"sdgo/internal/regular"
)

// plainFS hides all that a file system can do but Open.
type plainFS struct{ fs.FS }

// Files are opened, links to them too, and nothing else. In one piece: a table.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(at("file"), []byte("text"), 0o644))
	require.NoError(t, os.Mkdir(at("dir"), 0o755))
	require.NoError(t, unix.Mkfifo(at("fifo"), 0o644))
	require.NoError(t, os.Symlink("file", at("link")))
	require.NoError(t, os.Symlink("fifo", at("fifo link")))
	require.NoError(t, os.Symlink("/dev/zero", at("zero")))
	t.Chdir(dir) // a socket's path is short
	socket, err := net.Listen("unix", "socket")
	require.NoError(t, err)
	defer socket.Close()

	tests := []struct{ name, want string }{
		{"file", ""},
		{"link", ""},
		{"dir", "have a directory, want a regular file"},
		{"fifo", "have a named pipe, want a regular file"},
		{"socket", "have a socket, want a regular file"},
		{"zero", "have a device, want a regular file"},
		{"fifo link", "have a named pipe, want a regular file"},
		{"missing", "no such file"},
	}
	for _, tt := range tests {
		for kind, fsys := range map[string]fs.FS{"DirFS": os.DirFS(dir), "OS": regular.OS{}, "Open alone": plainFS{os.DirFS(dir)}} {
			if kind == "Open alone" && tt.name == "fifo link" {
				continue // only Stat could tell
			}
			t.Run(tt.name+", "+kind, func(t *testing.T) {
				data, err := regular.ReadFile(t.Context(), fsys, tt.name, 100)
				if tt.want == "" {
					require.NoError(t, err)
					assert.Equal(t, "text", string(data))
					return
				}
				assert.ErrorContains(t, err, tt.want)
				assert.ErrorContains(t, err, tt.name)
			})
		}
	}

	for _, fsys := range []fs.FS{os.DirFS(dir), plainFS{os.DirFS(dir)}} {
		_, err = regular.ReadDir(fsys, "fifo")
		assert.ErrorContains(t, err, "fifo: have a file of mode p")
		entries, err := regular.ReadDir(fsys, ".")
		require.NoError(t, err)
		assert.Len(t, entries, 7)
		mode, err := regular.Mode(fsys, "dir")
		require.NoError(t, err)
		assert.True(t, mode.IsDir())
		_, err = regular.Mode(fsys, "missing")
		assert.ErrorIs(t, err, fs.ErrNotExist)
	}

	_, err = regular.ReadFile(t.Context(), os.DirFS(dir), "file", 3)
	assert.ErrorContains(t, err, "more than 3 bytes")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = regular.ReadFile(ctx, os.DirFS(dir), "file", 100)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestReader(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	zero, err := os.Open("/dev/zero")
	require.NoError(t, err)
	defer zero.Close()
	r := regular.Reader(ctx, zero)
	n, err := r.Read(make([]byte, 2<<20))
	require.NoError(t, err)
	assert.Equal(t, 1<<20, n)
	cancel()
	_, err = r.Read(make([]byte, 1))
	assert.ErrorIs(t, err, context.Canceled)
}

// oneFS has one file, under any name.
type oneFS struct {
	fs.StatFS // of this folder
	file      fs.File
}

func (f oneFS) Stat(string) (fs.FileInfo, error) { return f.StatFS.Stat("regular.go") }
func (f oneFS) Open(string) (fs.File, error)     { return f.file, nil }

// badFile is wrong in the way that its fields say.
type badFile struct {
	info   fs.FileInfo
	stat   func()
	read   func() int
	closed int
}

func (b *badFile) Stat() (fs.FileInfo, error) { b.stat(); return b.info, nil }
func (b *badFile) Read([]byte) (int, error)   { return b.read(), nil }
func (b *badFile) Close() error               { b.closed++; return nil }

// What a file system must not do is an error, and its file is closed.
func TestBadFileSystem(t *testing.T) {
	here := os.DirFS(".").(fs.StatFS)
	info, err := here.Stat("regular.go")
	require.NoError(t, err)
	well := func() {}
	for want, bad := range map[string]*badFile{
		"x: the file system panicked: mine":                 {stat: func() { panic("mine") }},
		"x: the file system does not describe it":           {stat: well},
		"x: the file panicked: mine":                        {stat: well, info: info, read: func() int { panic("mine") }},
		"x: multiple Read calls return no data or error":    {stat: well, info: info, read: func() int { return 0 }},
		"x: the file says that it read -1 bytes, want 0 to": {stat: well, info: info, read: func() int { return -1 }},
		"x: the file says that it read 2000000 bytes":       {stat: well, info: info, read: func() int { return 2_000_000 }},
	} {
		_, err := regular.ReadFile(t.Context(), oneFS{here, bad}, "x", 100)
		assert.ErrorContains(t, err, want)
		assert.Equal(t, 1, bad.closed, want)
	}
	_, err = regular.ReadFile(t.Context(), (*zip.Reader)(nil), "x", 100)
	assert.ErrorContains(t, err, "x: the file system panicked: ")
	_, err = regular.ReadDir((*zip.Reader)(nil), ".")
	assert.ErrorContains(t, err, ".: the file system panicked: ")
}
