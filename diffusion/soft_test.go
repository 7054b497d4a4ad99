package diffusion

import (
	"image"
	"image/color"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ramp is a mask whose value rises from left to right, from black to white.
func ramp(w, h int) *image.Gray {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = uint8(255 * (i % w) / (w - 1))
	}
	return m
}

// A mask of black and white is the same hard and soft, but for a model that is told of it.
func TestSoftHardMask(t *testing.T) {
	img, mask := picture(t, "input.png"), box(64, 64, image.Rect(16, 8, 48, 32))
	for _, model := range []string{"tiny-sd15", "tiny-inpaint"} {
		p := load(t, model, nil)
		var results []*Result
		for _, cells := range []MaskCells{MaskCellsAny, MaskCellsSoft} {
			o := quick(1)
			o.MaskCells, o.Strength = cells, 0.8
			r, err := p.Inpaint(t.Context(), prompt, img, mask, o)
			require.NoError(t, err)
			results = append(results, r)
		}
		same := changed(t, results[0], results[1])
		if model == "tiny-sd15" {
			assert.NotContains(t, same, float32(1))
		} else { // the rest is put back, which it is not without MaskCellsSoft
			assert.Contains(t, same, float32(1))
		}
	}
}

// A cell is the image with noise until the part of the run that is left is its mask's
// value, and black cells always.
func TestSoftMaskIsStrength(t *testing.T) {
	img, mask := picture(t, "input.png"), ramp(64, 64)
	for _, model := range []string{"tiny-sd15", "tiny-inpaint"} {
		p := load(t, model, nil)
		o := &Options{Steps: 10, Seed: 2, MaskCells: MaskCellsSoft}
		p.Scheduler = ddim(t)
		run := func(prompt string) (steps []Step) {
			o.OnStep = func(s Step) error { steps = append(steps, s); return nil }
			_, err := p.Inpaint(t.Context(), prompt, img, mask, o)
			require.NoError(t, err)
			return steps
		}
		first, second := run("a red house"), run("a blue boat")
		area, err := areaOf(t, mask, Options{Width: 64, Height: 64, MaskCells: MaskCellsSoft})
		require.NoError(t, err)
		for k := range 9 {
			left := float64(8-k) / 9 // of the calls' times, which are evenly spaced, after step k
			a, b := first[k].Latents.Float32s(), second[k].Latents.Float32s()
			for i := range a[:64] {
				m := float64(area.cells[i])
				assert.Equal(t, m < left, a[i] == b[i], "%s, step %d, cell %d of %v", model, k+1, i, m)
			}
		}
	}
}

func TestSoftCells(t *testing.T) {
	m := image.NewGray(image.Rect(0, 0, 24, 8))
	m.SetGray(0, 0, color.Gray{1})
	for i := range 64 {
		m.SetGray(8+i%8, i/8, color.Gray{128})
	}
	a, err := areaOf(t, m, Options{Width: 24, Height: 8, MaskCells: MaskCellsSoft})
	require.NoError(t, err)
	assert.Equal(t, []float32{1.0 / 255 / 64, 128.0 / 255, 0}, a.cells)
	assert.Equal(t, []float32{1, 1, 0}, a.free(0))
	assert.Equal(t, []float32{0, 1, 0}, a.free(0.5))
	assert.Equal(t, []float32{0, 0, 0}, a.free(1))
	assert.Equal(t, []float32{0, 1, 0}, a.channel())
	_, err = areaOf(t, image.NewGray(image.Rect(0, 0, 8, 8)), Options{Width: 8, Height: 8, MaskCells: MaskCellsSoft})
	assert.ErrorIs(t, err, ErrEmptyMask)
	assert.ErrorContains(t, err, "have luminance up to 0, want 1 or more")
}

// The reference is a loop over diffusers' parts with the formula of MaskCellsSoft.
func TestSoftMaskGolden(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	p.Scheduler = ddim(t)
	mask := ramp(64, 64)
	o := &Options{Steps: 6, Seed: 4242, MaskCells: MaskCellsSoft, Strength: 0.9, Guidance: 4}
	r, err := p.Inpaint(t.Context(), prompt, picture(t, "input.png"), mask, o)
	require.NoError(t, err)
	closeTask(t, "soft", r)
}

// A blurred mask is one that was blurred before.
func TestMaskBlur(t *testing.T) {
	p, img := load(t, "tiny-sd15", nil), picture(t, "input.png")
	mask := box(64, 64, image.Rect(16, 8, 48, 32))
	blurred, err := pixels{64, 64, 1, slices.Clone(mask.Pix)}.blur(t.Context(), 5)
	require.NoError(t, err)
	o := quick(1)
	o.KeepOutside = true
	want, err := p.Inpaint(t.Context(), prompt, img, &image.Gray{Pix: blurred.pix, Stride: 64, Rect: mask.Rect}, o)
	require.NoError(t, err)
	o.MaskBlur = 5
	got, err := p.Inpaint(t.Context(), prompt, img, mask, o)
	require.NoError(t, err)
	assert.Equal(t, want.Images[0].Pix, got.Images[0].Pix)
	for _, blur := range []float64{-1, 1025, math.NaN()} {
		o.MaskBlur = blur
		_, err := p.Inpaint(t.Context(), prompt, img, mask, o)
		assert.ErrorContains(t, err, "diffusion: mask blur: have ")
	}
	_, err = p.TextToImage(t.Context(), prompt, &Options{MaskBlur: 1})
	assert.ErrorContains(t, err, "diffusion: mask blur: have 1, want 0: text-to-image has no mask")
}
