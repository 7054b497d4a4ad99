package diffusion

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// boundsOnly is an image that claims its bounds and has no pixels.
type boundsOnly image.Rectangle

func (b boundsOnly) ColorModel() color.Model { return color.NRGBAModel }
func (b boundsOnly) Bounds() image.Rectangle { return image.Rectangle(b) }
func (b boundsOnly) At(x, y int) color.Color { panic("no pixels") }

// lazy is an image of 64×64 whose pixels a function gives.
type lazy func(x, y int) color.Color

func (l lazy) ColorModel() color.Model { return color.NRGBAModel }
func (l lazy) Bounds() image.Rectangle { return image.Rect(0, 0, 64, 64) }
func (l lazy) At(x, y int) color.Color { return l(x, y) }

// brokenImages are images that are none, each with the error it gives.
func brokenImages() map[string]struct {
	img  image.Image
	want string
} {
	r := image.Rect(0, 0, 64, 64)
	type broken = struct {
		img  image.Image
		want string
	}
	small := image.NewPaletted(r, color.Palette{color.Black})
	small.Pix[5] = 3
	long := image.NewNRGBA(r)
	long.Pix = long.Pix[:100] // the capacity is not the image's to have
	noChroma := image.NewYCbCr(r, image.YCbCrSubsampleRatio420)
	noChroma.Cb = noChroma.Cb[:9]
	var none *image.NRGBA
	return map[string]broken{
		"nil":              {nil, "have no image"},
		"typed nil":        {none, "have a nil *image.NRGBA"},
		"typed nil YCbCr":  {(*image.YCbCr)(nil), "have a nil *image.YCbCr"},
		"embedded nil":     {struct{ image.Image }{}, "panicked"},
		"nil func":         {lazy(nil), "panicked"},
		"empty":            {image.NewNRGBA(image.Rectangle{}), "have an empty image"},
		"turned":           {boundsOnly{image.Pt(5, 0), image.Pt(-5, 3)}, "have an empty image"},
		"wide":             {boundsOnly(image.Rect(0, 0, 1, 1<<15+1)), "want sides up to 32768 pixels"},
		"large":            {boundsOnly(image.Rect(0, 0, 1<<15, 1<<15)), "have 32768×32768 pixels, want up to 268435456 in all"},
		"overflowing":      {boundsOnly{image.Pt(math.MinInt, 0), image.Pt(math.MaxInt, 1)}, "want sides"},
		"endless":          {image.NewUniform(color.Black), "want sides"},
		"no pixels":        {&image.NRGBA{Rect: r, Stride: 256}, "have a *image.NRGBA with a stride of 256 bytes, want at least 256 and no more than its Pix of 0 bytes"},
		"no stride":        {&image.NRGBA{Rect: r}, "with a stride of 0 bytes, want at least 256"},
		"short RGBA":       {&image.RGBA{Rect: r, Stride: 256, Pix: make([]byte, 1000)}, "have a *image.RGBA with a Pix of 1000 bytes, want 16384"},
		"short within cap": {long, "of 100 bytes"},
		"huge stride":      {&image.Gray{Rect: r, Stride: math.MaxInt, Pix: make([]byte, 64*64)}, "with a stride of"},
		"negative stride":  {&image.Gray{Rect: r, Stride: -64, Pix: make([]byte, 64*64)}, "with a stride of -64"},
		"no palette":       {image.NewPaletted(r, nil), "have a *image.Paletted without a palette"},
		"nil in palette":   {image.NewPaletted(r, color.Palette{nil}), "panicked"},
		"outside palette":  {small, "panicked"},
		"no Y":             {&image.YCbCr{Rect: r}, "have a *image.YCbCr with a stride of 0 bytes"},
		"short chroma":     {noChroma, "panicked"},
		"nil color":        {lazy(func(x, y int) color.Color { return nil }), "panicked"},
		"typed nil color":  {lazy(func(x, y int) color.Color { return (*color.NRGBA)(nil) }), "panicked"},
		"panics late": {lazy(func(x, y int) color.Color {
			if y == 63 {
				panic(errors.New("late"))
			}
			return color.Black
		}), "panicked: late"},
		"panics with nil": {lazy(func(x, y int) color.Color { panic(nil) }), "panicked"},
	}
}

// Images that break their promise are errors, as image and as mask.
func TestBrokenImages(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	good := fill(64, 64, color.NRGBA{255, 255, 255, 255})
	for name, tt := range brokenImages() {
		t.Run(name, func(t *testing.T) {
			_, err := p.ImageToImage(t.Context(), "a", tt.img, quick(1))
			assert.ErrorContains(t, err, "diffusion: image: ")
			assert.ErrorContains(t, err, tt.want)
			_, err = p.Inpaint(t.Context(), "a", good, tt.img, quick(1))
			assert.ErrorContains(t, err, "diffusion: mask: ")
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

// Bounds far from the origin, and those of a part, are the image's business.
func TestFarBounds(t *testing.T) {
	for _, img := range []image.Image{
		image.NewNRGBA(image.Rect(math.MaxInt-8, math.MaxInt-8, math.MaxInt, math.MaxInt)),
		image.NewGray(image.Rect(math.MinInt, math.MinInt, math.MinInt+8, math.MinInt+8)),
		image.NewYCbCr(image.Rect(-9, -9, -1, -1), image.YCbCrSubsampleRatio420),
		image.NewCMYK(image.Rect(0, 0, 64, 64)).SubImage(image.Rect(56, 56, 64, 64)),
	} {
		assert.Equal(t, 3*64, len(rgb(t, img).pix), "%T", img)
	}
}

// slow is a large image that takes its time: 32768 rows that take a millisecond
// each.
type slow struct{ *image.Uniform }

func (s slow) Bounds() image.Rectangle { return image.Rect(0, 0, 8, 1<<15) }
func (s slow) At(x, y int) color.Color {
	if x == 0 {
		time.Sleep(time.Millisecond)
	}
	return color.White
}

// A call looks at its context while it reads an image or a mask.
func TestCancelReading(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	good := fill(64, 64, color.NRGBA{255, 255, 255, 255})
	o := *quick(1)
	o.Width, o.Height = 64, 64
	for name, call := range map[string]func(context.Context) error{
		"image": func(ctx context.Context) error {
			_, err := p.ImageToImage(ctx, "a", slow{image.White}, &o)
			return err
		},
		"mask": func(ctx context.Context) error {
			_, err := p.Inpaint(ctx, "a", good, slow{image.White}, &o)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			begin := time.Now()
			require.ErrorIs(t, call(ctx), context.DeadlineExceeded)
			assert.Less(t, time.Since(begin), 5*time.Second, "reading takes 32 s")
		})
	}
}

// Converting and blending end with their context, at any row.
func TestCancelRows(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	src, err := newSource("image", lazy(func(x, y int) color.Color {
		if y == 20 {
			cancel()
		}
		return color.White
	}))
	require.NoError(t, err)
	_, err = resize(ctx, src.rgb(ctx), 8, 8).collect()
	require.ErrorIs(t, err, context.Canceled)

	white := pixels{8, 8, 3, make([]uint8, 3*64)}
	a := &area{make([]uint8, 64), make([]float32, 1), 8, 8, 1, MaskCellsAny}
	gray, err := newSource("mask", box(8, 8, image.Rect(0, 0, 8, 8)))
	require.NoError(t, err)
	for i, call := range []func() error{
		func() error { _, err := white.tensor(ctx); return err },
		func() error { _, err := tensorToImages(ctx, make([]float32, 3*64), 1, 8, 8); return err },
		func() error { return overlay(fill(8, 8, color.NRGBA{}), a.gray, white.opaque(ctx)) },
		func() error { _, err := a.hide(ctx, make([]float32, 3*64)); return err },
		func() error { _, err := newArea(ctx, gray, &Options{Width: 8, Height: 8}, 1, 1); return err },
	} {
		assert.ErrorIs(t, call(), context.Canceled, fmt.Sprint(i))
	}
}

// Reading and resizing a photo allocates rows, not the photo.
func TestResizeAllocatesRows(t *testing.T) {
	photo := fill(2000, 1500, color.NRGBA{1, 2, 3, 255})
	src, err := newSource("image", photo)
	require.NoError(t, err)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = resize(t.Context(), src.rgb(t.Context()), 64, 48).collect()
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1_500_000), "a copy of the photo has 9 MB")
}
