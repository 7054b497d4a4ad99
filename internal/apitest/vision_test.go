package apitest

import (
	"image"
	"maps"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"sdgo/clip"
	"sdgo/diffusion"
	"sdgo/internal/golden"
)

// vision adds what stands on CLIP's image encoder.
func (v *values) vision(t *testing.T, open *diffusion.Pipeline) {
	e, err := clip.LoadImageEncoderFS(golden.Model(t, "tiny-vision"), ".", nil)
	require.NoError(t, err)
	add(v, e)
	s, err := diffusion.LoadSafetyCheckerFS(golden.Model(t, "tiny-safety-checker"), ".", nil)
	require.NoError(t, err)
	add(v, s)
	fsys := maps.Clone(golden.Model(t, "ip-adapter").(fstest.MapFS))
	a, err := open.LoadIPAdapterFS(fsys, "plain-sd15.safetensors", &diffusion.IPAdapterOptions{Encoder: e})
	require.NoError(t, err)
	add(v, a)
	add(v, &diffusion.IPAdapterOptions{Encoder: e})
	add(v, diffusion.ImageProcessorFor(30))
	t.Cleanup(func() {
		a.Close()
		e.Close()
		s.Close()
	})
	add(v, image.NewNRGBA(image.Rect(0, 0, 8, 8)))
}
