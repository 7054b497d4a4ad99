package tinyscenes_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/internal/golden"
)

// What the precisions cost the demo model's pictures: half precision nothing, for it
// is what the model is stored in. The limits, PSNR in dB against float32, are about
// 5 dB below the worst and the mean that were seen.
func TestPrecision(t *testing.T) {
	if testing.Short() {
		t.Skip("many steps")
	}
	prompts := []string{
		"a red house on a green hill under a yellow sun", "at night, a blue boat on the sea with the moon",
		"a purple car in the desert at sunset", "clouds over a white tower on a green hill",
		"a green tree on snow with the moon at night", "a yellow boat on the sea under clouds",
	}
	draw := func(precision string) (pictures [][]byte) {
		pipe, err := diffusion.LoadFS(tinyscenes.FS, &diffusion.LoadOptions{Precision: precision})
		require.NoError(t, err)
		defer pipe.Close()
		for _, prompt := range prompts {
			r, err := pipe.TextToImage(t.Context(), prompt, &diffusion.Options{Steps: tinyscenes.Steps, Guidance: tinyscenes.Guidance, Seed: 1})
			require.NoError(t, err)
			pictures = append(pictures, r.Images[0].Pix)
		}
		return pictures
	}
	exact := draw(diffusion.Float32)
	assert.Equal(t, exact, draw(diffusion.Float16))
	for _, tt := range []struct {
		precision   string
		worst, mean float64
	}{
		{diffusion.BFloat16, 50, 51},
		{diffusion.Int8, 37, 40},
	} {
		worst, mean := math.Inf(1), 0.0
		for i, pix := range draw(tt.precision) {
			db := golden.PSNR(pix, exact[i])
			worst, mean = min(worst, db), mean+db/float64(len(prompts))
		}
		t.Logf("%s: mean %.1f dB, worst %.1f dB", tt.precision, mean, worst)
		assert.Greater(t, worst, tt.worst, tt.precision)
		assert.Greater(t, mean, tt.mean, tt.precision)
		assert.Less(t, mean, 90., "%s changed nothing", tt.precision)
	}
}
