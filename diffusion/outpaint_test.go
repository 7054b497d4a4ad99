package diffusion

import (
	"context"
	"image"
	"image/color"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// The image keeps its pixels under the border, and the mask says what is painted.
func TestBorder(t *testing.T) {
	img, _ := patterned()
	for _, fill := range []Fill{FillEdge, FillBlur, FillNoise} {
		b := Border{Left: 10, Top: 4, Bottom: 7, Fill: fill, Overlap: 4}
		got, mask, err := b.Extend(img)
		require.NoError(t, err)
		assert.Equal(t, image.Rect(0, 0, 160, 121), got.Rect)
		assert.Equal(t, got.Rect, mask.Rect)
		for y := range 110 {
			for x := range 150 {
				require.Equal(t, img.NRGBAAt(x, y), got.NRGBAAt(x+10, y+4))
			}
		}
		assert.True(t, got.Opaque())
		corner := got.NRGBAAt(0, 0)
		switch fill {
		case FillEdge:
			assert.Equal(t, img.NRGBAAt(0, 0), corner)
			assert.Equal(t, img.NRGBAAt(0, 50), got.NRGBAAt(3, 54))
			assert.Equal(t, img.NRGBAAt(149, 109), got.NRGBAAt(159, 120))
		case FillNoise:
			assert.NotEqual(t, got.NRGBAAt(1, 0), corner)
			b.Seed = 1
			other, _, err := b.Extend(img)
			require.NoError(t, err)
			assert.NotEqual(t, got.Pix, other.Pix)
		}
		for _, at := range []struct {
			x, y int
			want uint8
		}{{0, 0, 255}, {9, 60, 255}, {10, 60, 223}, {11, 60, 159}, {12, 60, 96}, {13, 60, 32}, {14, 60, 0}, {159, 60, 0}, {80, 3, 255}, {80, 4, 223}, {80, 113, 223}, {80, 114, 255}, {10, 4, 223}} {
			assert.Equal(t, at.want, mask.GrayAt(at.x, at.y).Y, "%v", at)
		}
	}
	_, hard, err := Border{Right: 8, Overlap: NoOverlap}.Extend(img)
	require.NoError(t, err)
	assert.Equal(t, box(158, 110, image.Rect(150, 0, 158, 110)).Pix, hard.Pix)
}

// Noise has the mean and the deviation of each color.
func TestBorderNoise(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	for i := range 64 * 64 {
		img.SetNRGBA(i%64, i/64, color.NRGBA{uint8(100 + 20*(i%2)), 50, uint8(60 + 40*(i/64%2)), 255})
	}
	got, _, err := Border{Right: 192, Fill: FillNoise}.Extend(img)
	require.NoError(t, err)
	var all [3]float64
	for y := range 64 {
		for x := 64; x < 256; x++ {
			c := got.NRGBAAt(x, y)
			all[0] += float64(c.R)
			all[1] += float64(c.G)
			all[2] += float64(c.B)
		}
	}
	const n = 64 * 192
	assert.InDelta(t, 110, all[0]/n, 0.4, "four deviations of the mean") // 10/√n = 0.09
	assert.Equal(t, 50.0, all[1]/n)
	assert.InDelta(t, 80, all[2]/n, 0.8) // 20/√n = 0.18
}

// The border grows to a multiple of the VAE's factor, and the image stays.
func TestOutpaint(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	img, _ := patterned()
	small := img.SubImage(image.Rect(5, 5, 45, 42)).(*image.NRGBA) // 40×37
	b := Border{Left: 16, Bottom: 6, Overlap: NoOverlap}
	o := &Options{Steps: 2, Seed: 1}
	o.KeepOutside, o.Strength, o.MaskCells = true, 0.9, MaskCellsSoft
	r, err := p.Outpaint(t.Context(), prompt, small, b, o)
	require.NoError(t, err)
	assert.Equal(t, image.Rect(0, 0, 56, 48), r.Images[0].Rect)
	for y := range 37 {
		for x := range 40 {
			require.Equal(t, small.NRGBAAt(5+x, 5+y), r.Images[0].NRGBAAt(16+x, y))
		}
	}
	b.Bottom = 11
	picture, mask, err := b.Extend(small)
	require.NoError(t, err)
	want, err := p.Inpaint(t.Context(), prompt, picture, mask, o)
	require.NoError(t, err)
	assert.Equal(t, want.Images[0].Pix, r.Images[0].Pix)

	again, err := p.Outpaint(t.Context(), prompt, small, Border{Left: 16, Bottom: 6, Overlap: NoOverlap}, &r.Parameters(0).Options)
	require.NoError(t, err, "with the size, as a picture's file has it")
	assert.Equal(t, want.Images[0].Pix, again.Images[0].Pix)
}

func TestOutpaintErrors(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	img := picture(t, "input.png")
	for _, tt := range []struct {
		b    Border
		want string
	}{
		{Border{}, "diffusion: border: have none, want one pixel at least on some side"},
		{Border{Left: -1, Top: 1}, "diffusion: border: have sides of [-1 0 1 0] pixels, want 0 to 32768"},
		{Border{Left: 32760}, "diffusion: border: have a picture of 32824×64 pixels with it"},
		{Border{Left: 1, Fill: 7}, "diffusion: border: have Fill(7), want edge, blur or noise"},
		{Border{Left: 1, Overlap: -2}, "diffusion: border: have an overlap of -2 pixels"},
	} {
		_, err := p.Outpaint(t.Context(), prompt, img, tt.b, &Options{Steps: 2})
		assert.ErrorContains(t, err, tt.want)
		_, _, err = tt.b.Extend(img)
		assert.ErrorContains(t, err, tt.want)
	}
	_, err := p.Outpaint(t.Context(), prompt, img, Border{Left: 8}, &Options{Width: 64})
	assert.ErrorContains(t, err, "diffusion: width: have a size of 64×0 pixels, want none")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, fill := range []Fill{FillEdge, FillBlur, FillNoise} {
		_, err = p.Outpaint(ctx, prompt, img, Border{Left: 8, Fill: fill}, &Options{Steps: 2})
		assert.ErrorIs(t, err, context.Canceled)
	}
	_, err = p.Outpaint(t.Context(), prompt, nil, Border{Left: 8}, nil)
	assert.EqualError(t, err, "diffusion: image: have no image")
}

// A border that is more than the model may make is refused before anything of its size is made.
func TestOutpaintLimits(t *testing.T) {
	limited, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{MaxPixels: 64 * 80})
	require.NoError(t, err)
	defer limited.Close()
	img := picture(t, "input.png")
	_, err = limited.Outpaint(t.Context(), prompt, img, Border{Left: 16}, &Options{Steps: 1})
	require.NoError(t, err)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = limited.Outpaint(t.Context(), prompt, img, Border{Left: 8000, Bottom: 8000}, nil)
	runtime.ReadMemStats(&after)
	var limit *LimitError
	require.ErrorAs(t, err, &limit)
	assert.Equal(t, 8064*8064, limit.Have)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<24))
}
