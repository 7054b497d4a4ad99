//go:build !gpu

package diffusion_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
)

// A program that was built without CUDA says how to build one with it.
func TestNoCUDA(t *testing.T) {
	_, err := diffusion.LoadFS(tinyscenes.FS, &diffusion.LoadOptions{Device: diffusion.CUDA(0)})
	assert.ErrorIs(t, err, diffusion.ErrNoCUDA)
	assert.ErrorIs(t, err, diffusion.ErrOptions)
	assert.ErrorContains(t, err, "-tags gpu")
}
