package diffusion

import (
	"bytes"
	"image"
	"image/color"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// changed says which cells of the latents [1 4 h w] differ.
func changed(t *testing.T, a, b *Result) []float32 {
	x, y := a.Latents.Float32s(), b.Latents.Float32s()
	require.Equal(t, len(x), len(y))
	out := make([]float32, len(x)/4)
	for i := range x {
		if x[i] != y[i] {
			out[i%len(out)] = 1
		}
	}
	return out
}

// Thin and small masks repaint the cells that they touch, and no others.
func TestThinMasks(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	img := picture(t, "input.png")
	for name, hole := range map[string]image.Rectangle{
		"dot":  image.Rect(50, 50, 55, 55),
		"line": image.Rect(10, 0, 13, 64),
		"one":  image.Rect(63, 63, 64, 64),
	} {
		t.Run(name, func(t *testing.T) {
			mask := box(64, 64, hole)
			want, err := areaOf(t, mask, Options{Width: 64, Height: 64})
			require.NoError(t, err)
			first, err := p.Inpaint(t.Context(), "a red house", img, mask, quick(1))
			require.NoError(t, err)
			second, err := p.Inpaint(t.Context(), "a blue boat", img, mask, quick(1))
			require.NoError(t, err)
			assert.Equal(t, want.cells, changed(t, first, second), "the prompt changes the cells of the mask")
			o := quick(1)
			o.MaskCells = MaskCellsSample
			_, err = p.Inpaint(t.Context(), "a red house", img, mask, o)
			assert.ErrorIs(t, err, ErrEmptyMask)
		})
	}
}

// For a mask of whole cells both choices make the same picture, with either kind of
// model; for another they do not.
func TestMaskOfWholeCells(t *testing.T) {
	for _, model := range []string{"tiny-sd15", "tiny-inpaint"} {
		p := load(t, model, nil)
		img := picture(t, "input.png")
		inpaint := func(hole image.Rectangle, choice MaskCells) []uint8 {
			o := quick(1)
			o.MaskCells = choice
			r, err := p.Inpaint(t.Context(), prompt, img, box(64, 64, hole), o)
			require.NoError(t, err)
			return r.Images[0].Pix
		}
		cells, odd := image.Rect(16, 8, 48, 32), image.Rect(17, 9, 50, 34)
		assert.True(t, bytes.Equal(inpaint(cells, MaskCellsSample), inpaint(cells, MaskCellsAny)), model)
		assert.False(t, bytes.Equal(inpaint(odd, MaskCellsSample), inpaint(odd, MaskCellsAny)), model)
	}
}

// A mask of another size is that mask resized, alone and with an image that is
// resized, too.
func TestMaskOfAnotherSize(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	img := picture(t, "input.png")
	small := box(20, 32, image.Rect(5, 8, 12, 20))
	src, err := newSource("mask", small)
	require.NoError(t, err)
	for _, size := range []image.Point{{64, 64}, {40, 72}} {
		o := quick(1)
		o.Width, o.Height, o.KeepOutside, o.Strength = size.X, size.Y, true, 0.7
		got, err := p.Inpaint(t.Context(), prompt, img, small, o)
		require.NoError(t, err)
		same := image.NewGray(image.Rect(0, 0, size.X, size.Y))
		same.Pix, err = readMask(t.Context(), src, MaskLuminance, size.X, size.Y)
		require.NoError(t, err)
		want, err := p.Inpaint(t.Context(), prompt, img, same, o)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want.Images[0].Pix, got.Images[0].Pix))
		assert.Equal(t, size, got.Images[0].Rect.Size())

		given := resized(t, rgb(t, img), size.X, size.Y)
		kept := 0
		for i, m := range same.Pix {
			if c := got.Images[0].NRGBAAt(i%size.X, i/size.X); m == 0 {
				require.Equal(t, color.NRGBA{given.pix[3*i], given.pix[3*i+1], given.pix[3*i+2], 255}, c)
				kept++
			}
		}
		assert.Greater(t, kept, size.X*size.Y/2)
	}
}

func TestKeepOutside(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	img := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	mask := image.NewGray(img.Rect)
	for i := range img.Pix {
		img.Pix[i] = uint8(i * 7)
	}
	for y := 20; y < 40; y++ {
		for x := 8; x < 30; x++ {
			mask.SetGray(x, y, color.Gray{255})
		}
	}
	o := quick(1)
	o.KeepOutside = true
	r, err := p.Inpaint(t.Context(), prompt, img, mask, o)
	require.NoError(t, err)
	inside := 0
	for y := range 64 {
		for x := range 64 {
			same := img.NRGBAAt(x, y) == r.Images[0].NRGBAAt(x, y)
			if mask.GrayAt(x, y).Y == 0 {
				require.True(t, same, "pixel %d, %d", x, y)
			} else if !same {
				inside++
			}
		}
	}
	assert.Greater(t, inside, 300)
}

// Inpainting leaves out PNDM's Runge-Kutta steps even if the config does not.
func TestInpaintSkipsRungeKutta(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	img, mask := image.NewNRGBA(image.Rect(0, 0, 64, 64)), image.NewGray(image.Rect(0, 0, 64, 64))
	mask.SetGray(20, 20, color.Gray{255})
	o := &Options{Steps: 4, Seed: 1}
	want, err := p.Inpaint(t.Context(), prompt, img, mask, o)
	require.NoError(t, err)
	config := *p.Scheduler
	config.SkipPRKSteps = false
	p.Scheduler = &config
	got, err := p.Inpaint(t.Context(), prompt, img, mask, o)
	require.NoError(t, err)
	assert.Equal(t, want.Latents.Float32s(), got.Latents.Float32s())
}
