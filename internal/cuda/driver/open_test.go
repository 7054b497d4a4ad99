//go:build gpu && cgo && linux

package driver_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/cu"

	"sdgo/internal/cuda/driver"
)

// The program starts though there is no driver's library, or none with that name, and
// package cu gives errors.
func TestOpenWithoutDriver(t *testing.T) {
	t.Setenv("SDGO_CUDA_DRIVER", "libno-such-driver.so")
	err := driver.Open()
	require.ErrorIs(t, err, driver.ErrNone)
	assert.ErrorContains(t, err, "libno-such-driver.so")
	_, err = cu.NumDevices()
	assert.ErrorIs(t, err, cu.NoDevice)
}

// The program needs the C library alone.
func TestNeedsNoLibrary(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	out, err := exec.Command("ldd", exe).Output()
	require.NoError(t, err)
	assert.NotContains(t, string(out), "libcuda")
}
