//go:build unix

package cli

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is no file is refused, and not waited for.
func TestReadImageOfNoFile(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, syscall.Mkfifo("pipe", 0o600))
	_, err := ReadImage(t.Context(), "image", "pipe")
	assert.EqualError(t, err, "-image: pipe: have a named pipe, want a regular file")
	_, err = ReadImage(t.Context(), "image", "/dev/zero")
	assert.EqualError(t, err, "-image: /dev/zero: have a device, want a regular file")
	l, err := net.Listen("unix", "socket")
	require.NoError(t, err)
	defer l.Close()
	_, err = ReadImage(t.Context(), "mask", "socket")
	assert.EqualError(t, err, "-mask: socket: have a socket, want a regular file")
}
