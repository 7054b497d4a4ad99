package diffusion_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
)

func TestParseDevice(t *testing.T) {
	for name, want := range map[string]diffusion.Device{"": {}, "cpu": {}, "cuda": diffusion.CUDA(0), "cuda:0": diffusion.CUDA(0), "cuda:3": diffusion.CUDA(3)} {
		d, err := diffusion.ParseDevice(name)
		require.NoError(t, err, name)
		assert.Equal(t, want, d, name)
	}
	for _, name := range []string{"gpu", "cuda:", "cuda:-1", "cuda:x", "CUDA"} {
		_, err := diffusion.ParseDevice(name)
		assert.ErrorContains(t, err, name)
	}
	assert.Equal(t, "cuda:2", diffusion.CUDA(2).String())
	assert.Equal(t, "cpu", diffusion.Device{}.String())
}
