package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A file that may not be written to stays, also in a folder where it could be replaced.
func TestProtected(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	require.NoError(t, os.WriteFile(name, []byte("old"), 0o444))
	err := asNobody(t, dir, func() error {
		_, err := Create(name)
		return err
	})
	assert.ErrorIs(t, err, fs.ErrPermission)
	assert.ErrorContains(t, err, name+": ")
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "old", string(data))
}

// asNobody calls f, if the test is run by root, as a user who may do with dir what it
// likes but has no other rights.
func asNobody(t *testing.T, dir string, f func() error) error {
	if os.Geteuid() != 0 {
		return f()
	}
	const nobody = 65534
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		require.NoError(t, os.Chmod(d, 0o777))
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread, whose rights these are, ends with the goroutine
		if err := unix.Setfsuid(nobody); err != nil {
			result <- err
			return
		}
		result <- f()
	}()
	return <-result
}
