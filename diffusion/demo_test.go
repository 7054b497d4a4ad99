package diffusion_test

import (
	"image"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
)

// demo loads the demo model, and returns it with its options.
func demo(t *testing.T) (*diffusion.Pipeline, diffusion.Options) {
	p, err := diffusion.LoadFS(tinyscenes.FS, nil)
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p, diffusion.Options{Steps: tinyscenes.Steps, Guidance: tinyscenes.Guidance, Seed: 1}
}

// standsOut is the box around pixels of which a color stands out: the red of a red house, or
// the blue of a blue one, below the sky.
func standsOut(img *image.NRGBA, color int) (box image.Rectangle, pixels int) {
	for y := 48; y < 128; y++ {
		for x := range 128 {
			c := img.NRGBAAt(x, y)
			v := [3]int{int(c.R), int(c.G), int(c.B)}
			if v[color]-max(v[(color+1)%3], v[(color+2)%3]) > 60 {
				box, pixels = box.Union(image.Rect(x, y, x+1, y+1)), pixels+1
			}
		}
	}
	return box, pixels
}

// A red house becomes a blue one, where it stands, and the rest stays.
func TestDemoRedHouse(t *testing.T) {
	p, o := demo(t)
	r, err := p.TextToImage(t.Context(), "a red house on a green hill under a yellow sun", &o)
	require.NoError(t, err)
	before := r.Images[0]
	o.Strength = 0.6
	r, err = p.ImageToImage(t.Context(), "a blue house on a green hill under a yellow sun", before, &o)
	require.NoError(t, err)
	after := r.Images[0]
	red, reds := standsOut(before, 0)
	blue, blues := standsOut(after, 2)
	assert.Greater(t, reds, 500)
	assert.Greater(t, blues, 500)
	_, left := standsOut(after, 0)
	assert.Less(t, left, reds/50, "red pixels that are left")
	both, either := red.Intersect(blue), red.Union(blue)
	share := float64(both.Dx()*both.Dy()) / float64(either.Dx()*either.Dy())
	t.Logf("red %v (%d), blue %v (%d), %.2f in common", red, reds, blue, blues, share)
	assert.Greater(t, share, 0.8, "of the houses' boxes in common")
	sum, n := 0.0, 0
	for i := range before.Pix {
		if at := image.Pt(i/4%128, i/4/128); !at.In(either.Inset(-8)) && i%4 < 3 {
			sum, n = sum+math.Abs(float64(before.Pix[i])-float64(after.Pix[i])), n+1
		}
	}
	t.Logf("the rest changes by %.1f", sum/float64(n))
	assert.Less(t, sum/float64(n), 8.0, "mean change around the house, in levels")
}

// jump is by how much a change of a picture starts at the border of a box: the mean
// difference of neighbors across it, of what has changed.
func jump(before, after *image.NRGBA, box image.Rectangle) float64 {
	change := func(x, y, c int) float64 {
		i := before.PixOffset(x, y) + c
		return float64(after.Pix[i]) - float64(before.Pix[i])
	}
	sum, n := 0.0, 0
	add := func(x, y, x2, y2 int) {
		for c := range 3 {
			sum, n = sum+math.Abs(change(x, y, c)-change(x2, y2, c)), n+1
		}
	}
	for x := box.Min.X; x < box.Max.X; x++ {
		add(x, box.Min.Y-1, x, box.Min.Y)
		add(x, box.Max.Y-1, x, box.Max.Y)
	}
	for y := box.Min.Y; y < box.Max.Y; y++ {
		add(box.Min.X-1, y, box.Min.X, y)
		add(box.Max.X-1, y, box.Max.X, y)
	}
	return sum / float64(n)
}

// A boat changes inside of the mask alone, and by a feathered mask without a seam.
func TestDemoBoat(t *testing.T) {
	p, o := demo(t)
	r, err := p.TextToImage(t.Context(), "at night, a blue boat on the sea with the moon", &o)
	require.NoError(t, err)
	before, hole := r.Images[0], image.Rect(40, 40, 112, 104)
	mask := image.NewGray(before.Rect)
	for i := range mask.Pix {
		if image.Pt(i%128, i/128).In(hole) {
			mask.Pix[i] = 255
		}
	}
	paint := func(change func(*diffusion.Options)) *image.NRGBA {
		o := o
		change(&o)
		r, err := p.Inpaint(t.Context(), "a red boat on the sea by day", before, mask, &o)
		require.NoError(t, err)
		return r.Images[0]
	}
	hard := paint(func(o *diffusion.Options) { o.KeepOutside = true })
	changed := 0
	for i := range before.Pix {
		same := before.Pix[i] == hard.Pix[i]
		if !image.Pt(i/4%128, i/4/128).In(hole) {
			require.True(t, same, "byte %d is outside of the mask", i)
		} else if !same {
			changed++
		}
	}
	assert.Greater(t, changed, 3*72*64/2, "bytes inside")
	soft := paint(func(o *diffusion.Options) { o.MaskBlur, o.MaskCells, o.KeepOutside = 6, diffusion.MaskCellsSoft, true })
	part := paint(func(o *diffusion.Options) { o.MaskBlur, o.MaskPadding = 6, 20 })
	sharp := jump(before, hard, hole)
	t.Logf("jump at the border: hard %.1f, soft %.1f, part %.1f levels", sharp, jump(before, soft, hole), jump(before, part, hole))
	assert.Greater(t, sharp, 10.0, "levels: a seam that can be seen")
	assert.Less(t, jump(before, soft, hole), 3.0)
	assert.Less(t, jump(before, part, hole), sharp/4, "the ramp of a change between two different pictures")
}

// A border goes on with the picture: it jumps no more at the image's edge than within.
func TestDemoBorder(t *testing.T) {
	p, o := demo(t)
	const prompt = "a red house on a green hill under a yellow sun"
	r, err := p.TextToImage(t.Context(), prompt, &o)
	require.NoError(t, err)
	middle := r.Images[0].SubImage(image.Rect(32, 0, 96, 128)).(*image.NRGBA)
	o.KeepOutside, o.MaskCells = true, diffusion.MaskCellsSoft
	r, err = p.Outpaint(t.Context(), prompt, middle, diffusion.Border{Left: 32, Right: 32, Overlap: 8}, &o)
	require.NoError(t, err)
	img := r.Images[0]
	require.Equal(t, image.Pt(128, 128), img.Rect.Size())
	column := func(x int) (sum float64) { // of the difference to the next one
		for y := range 128 {
			for c := range 3 {
				sum += math.Abs(float64(img.Pix[img.PixOffset(x, y)+c])-float64(img.Pix[img.PixOffset(x+1, y)+c])) / (3 * 128)
			}
		}
		return sum
	}
	within := 0.0
	for x := 40; x < 88; x++ {
		within += column(x) / 48
	}
	t.Logf("columns differ by %.1f and %.1f at the edges, %.1f within", column(31), column(95), within)
	assert.Less(t, column(31), 2*within)
	assert.Less(t, column(95), 2*within)
}
