package tinyscenes_test

import (
	"bytes"
	_ "embed"
	"image"
	"image/png"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
)

//go:embed halves.png
var halves []byte

//go:embed panorama.png
var panorama []byte

// composed is a picture in 15 steps with seed 1.
func composed(t *testing.T, prompt string, o diffusion.Options) *image.NRGBA {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	require.NoError(t, err)
	defer pipe.Close()
	o.Height, o.Steps, o.Guidance, o.Seed = 128, 15, tinyscenes.Guidance, 1
	r, err := pipe.TextToImage(t.Context(), prompt, &o)
	require.NoError(t, err)
	return r.Images[0]
}

// shown wants a picture to be that of the README.
func shown(t *testing.T, file []byte, img *image.NRGBA) {
	want, err := png.Decode(bytes.NewReader(file))
	require.NoError(t, err)
	require.Equal(t, want.Bounds(), img.Bounds())
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			wr, wg, wb, _ := want.At(x, y).RGBA()
			r, g, b, _ := img.At(x, y).RGBA()
			require.Equal(t, [3]uint32{wr, wg, wb}, [3]uint32{r, g, b}, "%d, %d", x, y)
		}
	}
}

// change is the mean difference of a column's values from the one on its left, round the
// edge.
func change(img *image.NRGBA, x int) float64 {
	w := img.Rect.Dx()
	var sum float64
	for y := range img.Rect.Dy() {
		for c := range 3 {
			sum += math.Abs(float64(img.Pix[img.PixOffset(x, y)+c]) - float64(img.Pix[img.PixOffset((x+w-1)%w, y)+c]))
		}
	}
	return sum / float64(3*img.Rect.Dy())
}

// seam is the mean change of columns where cells of the latents meet, in units of that of
// all other such.
func seam(img *image.NRGBA, columns ...int) float64 {
	at := map[int]bool{}
	for _, x := range columns {
		at[x] = true
	}
	var those, others float64
	n := 0
	for x := 8; x < img.Rect.Dx(); x += 8 {
		if !at[x] {
			others, n = others+change(img, x), n+1
		}
	}
	for x := range at {
		those += change(img, x)
	}
	return those / float64(len(at)) / (others / float64(n))
}

// mean is the mean color of a part.
func mean(img *image.NRGBA, part image.Rectangle) (rgb [3]float64) {
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			for c := range rgb {
				rgb[c] += float64(img.Pix[img.PixOffset(x, y)+c]) / float64(part.Dx()*part.Dy())
			}
		}
	}
	return rgb
}

// Two prompts make the halves of one picture: day and a red house, night and a boat.
func TestHalves(t *testing.T) {
	left, right := image.Rect(0, 0, 128, 128), image.Rect(128, 0, 256, 128)
	img := composed(t, "a hill at sunset", diffusion.Options{Width: 256, Regions: []diffusion.Region{
		{Prompt: "a red house on a green hill under a yellow sun", Box: left},
		{Prompt: "a blue boat on the sea at night with the moon", Box: right},
	}})
	shown(t, halves, img)
	house, ground := mean(img, image.Rect(16, 64, 64, 96)), mean(img, image.Rect(0, 112, 128, 128))
	assert.Greater(t, house[0], house[2]+30, "the house is red")
	assert.Greater(t, ground[1], ground[2]+30, "the ground is green")
	night := mean(img, image.Rect(136, 0, 256, 48))
	assert.Less(t, night[0]+night[1]+night[2], 250.0, "the sky of the right half is dark")
	assert.Greater(t, seam(img, 128), 2.0, "the halves meet sharply")
}

// A panorama four times as wide as what the model was trained on changes no more where
// windows meet than elsewhere, nor round the edge if it goes round.
func TestPanorama(t *testing.T) {
	const most = 1.3 // seen: 1.22, and round the edge 0.95
	prompt := "a yellow tree on a green hill, day, clouds"
	img := composed(t, prompt, diffusion.Options{Width: 512, Windows: diffusion.Windows{Width: 128, Overlap: 64}})
	shown(t, panorama, img)
	assert.Less(t, seam(img, 64, 128, 192, 256, 320, 384, 448), most)
	assert.Greater(t, seam(img, 0), 2.0, "it ends where it ends")
	if testing.Short() {
		return // that took seconds
	}
	round := composed(t, prompt, diffusion.Options{Width: 512, Windows: diffusion.Windows{Width: 128, Overlap: 64, Wrap: true}})
	assert.Less(t, seam(round, 0), most)
}
