package diffusion

import (
	"image"
	"image/color"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPreview(t *testing.T) {
	latents := make([]float32, 4*2*3)
	latents[1] = 1      // channel 0, row 0, column 1
	latents[3*6+5] = -2 // channel 3, row 1, column 2
	for _, scale := range []int{0, 1, 8} {
		img, err := latentRGB.image(latents, 2, 3, scale)
		require.NoError(t, err)
		scale = max(scale, 1)
		assert.Equal(t, image.Rect(0, 0, 3*scale, 2*scale), img.Rect)
		assert.Equal(t, color.NRGBA{128, 128, 128, 255}, img.NRGBAAt(0, 0), "zero is gray")
		want := color.NRGBA{165, 154, 154, 255} // 127.5 · (1 + factor)
		assert.Equal(t, want, img.NRGBAAt(scale, 0))
		assert.Equal(t, want, img.NRGBAAt(2*scale-1, scale-1))
		assert.Equal(t, color.NRGBA{174, 197, 248, 255}, img.NRGBAAt(3*scale-1, 2*scale-1))
	}
	for _, s := range [][2]int{{2, 2}, {0, 3}, {-2, -3}} {
		_, err := latentRGB.image(latents, s[0], s[1], 1)
		assert.ErrorContains(t, err, "diffusion: preview: have 24 values")
	}
}

// The latents of SDXL have other colors.
func TestPreviewXL(t *testing.T) {
	img, err := load(t, "tiny-sdxl", nil).latentColors().image([]float32{0, 0, 0, 0}, 1, 1, 1)
	require.NoError(t, err)
	assert.Equal(t, color.NRGBA{141, 125, 127, 255}, img.NRGBAAt(0, 0))
	assert.Same(t, &latentRGB, load(t, "tiny-sd15", nil).latentColors())
}

// What a step with a preview does beside the U-Net is far below 2 % of its arithmetic, by
// count: of each number of the latents two copies, and of each cell three colors of four
// products and sums, scaled and rounded.
func TestPreviewShare(t *testing.T) {
	const copies, perColor, most = 2, 4*2 + 6, 0.02
	for _, size := range []int{64, 512} {
		plan, err := load(t, "tiny-sd15", nil).Plan(&Options{Width: size, Height: size, Guidance: 1})
		require.NoError(t, err)
		step := 0.0
		for _, part := range plan.Parts {
			if part.Model == "unet" {
				for _, s := range part.Steps {
					step += s.FLOPs
				}
			}
		}
		cells := float64(size / 8 * (size / 8))
		work := cells * (4*copies + 3*perColor)
		assert.Positive(t, step)
		assert.Less(t, work/step, most/10, "even of a tiny model, %d pixels a side", size)
	}
}

// BenchmarkPreview reports the share of a run's time that its previews take.
func BenchmarkPreview(b *testing.B) {
	p := load(b, "tiny-sd15", nil)
	var inside, all time.Duration
	for b.Loop() {
		r, err := p.TextToImage(b.Context(), "a cat", &Options{Width: 128, Height: 128, Steps: 10, OnStep: func(s Step) error {
			begin := time.Now()
			_, err := s.Preview()
			inside += time.Since(begin)
			return err
		}})
		require.NoError(b, err)
		all += r.Timings.Sampling
	}
	b.ReportMetric(100*inside.Seconds()/all.Seconds(), "%")
}
