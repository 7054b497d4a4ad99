//go:build gpu && cgo && linux

package sim_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sdgo/internal/cuda/sim"
)

// The library is compiled once: what is in the cache has the same path.
func TestBuild(t *testing.T) {
	first, err := sim.Build()
	require.NoError(t, err)
	second, err := sim.Build()
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.FileExists(t, first)
}
