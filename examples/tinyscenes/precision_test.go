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

// changed is the PSNR in dB of a picture of which 32 of 49152 numbers are off by one:
// below it a setting did something.
const changed = 80.0

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
	each := func(precision string, compare func(prompt string, pix []byte)) {
		pipe, err := diffusion.LoadFS(tinyscenes.FS, &diffusion.LoadOptions{Precision: precision})
		require.NoError(t, err)
		defer pipe.Close()
		for _, prompt := range prompts {
			compare(prompt, draw(t, pipe, prompt))
		}
	}
	each(diffusion.Float16, func(prompt string, pix []byte) {
		assert.Equal(t, exact(t, prompt), pix, prompt)
	})
	for _, tt := range []struct {
		precision   string
		worst, mean float64
	}{
		{diffusion.BFloat16, 50, 51},
		{diffusion.Int8, 37, 40},
	} {
		worst, mean := math.Inf(1), 0.0
		each(tt.precision, func(prompt string, pix []byte) {
			db := golden.PSNR(pix, exact(t, prompt))
			worst, mean = min(worst, db), mean+db/float64(len(prompts))
		})
		t.Logf("%s: mean %.1f dB, worst %.1f dB", tt.precision, mean, worst)
		assert.Greater(t, worst, tt.worst, tt.precision)
		assert.Greater(t, mean, tt.mean, tt.precision)
		assert.Less(t, mean, changed, "%s changed nothing", tt.precision)
	}
}
