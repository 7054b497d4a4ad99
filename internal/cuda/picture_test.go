//go:build gpu && cgo && linux

package cuda_test

import (
	"image"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/internal/golden"
)

// A picture that a device makes is that of the processor, as far as the precision goes:
// some decibels below what an H100 gave for 25 steps (90, 61 and 51 dB).
func TestPicture(t *testing.T) {
	want := picture(t, &diffusion.LoadOptions{})
	for precision, least := range map[string]float64{diffusion.Float32: 75, diffusion.Float16: 45, diffusion.BFloat16: 40} {
		t.Run(precision, func(t *testing.T) {
			have := picture(t, &diffusion.LoadOptions{Device: diffusion.CUDA(0), Precision: precision})
			assert.GreaterOrEqual(t, golden.PSNR(want.Pix, have.Pix), least)
		})
	}
}

func picture(t *testing.T, o *diffusion.LoadOptions) *image.NRGBA {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, o)
	require.NoError(t, err)
	defer pipe.Close()
	result, err := pipe.TextToImage(t.Context(), "a red house", &diffusion.Options{Width: 32, Height: 32, Steps: 1, Guidance: tinyscenes.Guidance, Seed: 1})
	require.NoError(t, err, fault())
	return result.Images[0]
}
