package diffusion

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/scheduler"
)

// ddim is the scheduler of the cases in testdata/tasks.
func ddim(t testing.TB) *scheduler.Config {
	c, err := scheduler.ParseConfig([]byte(`{"_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
		"clip_sample": false, "set_alpha_to_one": false, "steps_offset": 1}`))
	require.NoError(t, err)
	return c
}

// task32 reads the numbers of a case in testdata/tasks.
func task32(t testing.TB, name string) []float32 {
	data, err := os.ReadFile("testdata/tasks/" + name + ".f32")
	require.NoError(t, err)
	x := make([]float32, len(data)/4)
	require.NoError(t, binary.Read(bytes.NewReader(data), binary.LittleEndian, x))
	return x
}

// closeTask compares the final latents with those of a case.
func closeTask(t *testing.T, name string, r *Result) {
	t.Helper()
	golden.Close(t, task32(t, name), r.Latents.Float32s(), tolerance, name)
}

// patterned is an image that testdata/tasks/gen.py makes, too, and its mask.
func patterned() (*image.NRGBA, *image.Gray) {
	img, mask := image.NewNRGBA(image.Rect(0, 0, 150, 110)), box(150, 110, image.Rect(60, 40, 86, 62))
	for y := range 110 {
		for x := range 150 {
			img.SetNRGBA(x, y, color.NRGBA{uint8(7*x + 3*y), uint8(2*x + 5*y), uint8(x * y), 255})
		}
	}
	return img, mask
}

// The part of an image around a mask is drawn as with padding_mask_crop of diffusers.
func TestPartGolden(t *testing.T) {
	img, mask := patterned()
	for _, tt := range []struct {
		name, model    string
		width, padding int
		strength       float64
	}{{"crop4", "tiny-sd15", 64, 9, 0.7}, {"crop9", "tiny-inpaint", 64, 9, 1}, {"crop_wide", "tiny-sd15", 128, 60, 0.7}} {
		p := load(t, tt.model, nil)
		p.Scheduler = ddim(t)
		r, err := p.Inpaint(t.Context(), prompt, img, mask, &Options{
			Width: tt.width, Height: 64, Steps: 5, Seed: 4242, Strength: tt.strength,
			MaskBlur: 3, MaskPadding: tt.padding, MaskCells: MaskCellsSample,
		})
		require.NoError(t, err)
		closeTask(t, tt.name, r)
		want := rgb(t, readPNG(t, "testdata/tasks/"+tt.name+".png"))
		assert.Equal(t, image.Pt(150, 110), r.Images[0].Rect.Size())
		far := 0
		for i, v := range rgb(t, r.Images[0]).pix {
			if d := math.Abs(float64(v) - float64(want.pix[i])); d > 1 {
				far++
			}
		}
		assert.Zero(t, far, "%s: bytes off by more than a rounding step", tt.name)
	}
}

// Outside the mask the image keeps its bytes, whatever its size and transparency.
func TestPartKeeps(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	img, mask := patterned()
	img.SetNRGBA(3, 4, color.NRGBA{1, 2, 3, 0})
	mask.SetGray(149, 109, color.Gray{255}) // the part reaches over the whole image
	o := quick(1)
	o.MaskPadding, o.Width, o.Height = 4, 64, 64
	r, err := p.Inpaint(t.Context(), prompt, img, mask, o)
	require.NoError(t, err)
	inside := 0
	for y := range 110 {
		for x := range 150 {
			switch same := img.NRGBAAt(x, y) == r.Images[0].NRGBAAt(x, y); {
			case mask.GrayAt(x, y).Y == 0:
				require.True(t, same, "pixel %d, %d", x, y)
			case !same:
				inside++
			}
		}
	}
	assert.Greater(t, inside, 400)
	for _, padding := range []int{-1, 32769} {
		o.MaskPadding = padding
		_, err = p.Inpaint(t.Context(), prompt, img, mask, o)
		assert.ErrorContains(t, err, "diffusion: mask padding: have ")
	}
	o.MaskPadding = 4
	_, err = p.Inpaint(t.Context(), prompt, img, image.NewGray(img.Rect), o)
	assert.ErrorIs(t, err, ErrEmptyMask)
	o.Output = OutputLatent
	_, err = p.Inpaint(t.Context(), prompt, img, mask, o)
	assert.ErrorContains(t, err, "diffusion: mask padding: have 4, want 0: the output is latents")
}

// The part has the proportions of the picture as far as the image reaches.
func TestPartBounds(t *testing.T) {
	for _, tt := range []struct {
		hole          image.Rectangle
		padding, w, h int
		want          image.Rectangle
	}{
		{image.Rect(40, 40, 60, 50), 5, 64, 64, image.Rect(35, 30, 65, 60)},
		{image.Rect(40, 40, 60, 50), 5, 128, 64, image.Rect(30, 35, 70, 55)},
		{image.Rect(0, 0, 10, 4), 0, 64, 64, image.Rect(0, 0, 10, 10)},
		{image.Rect(90, 76, 100, 80), 0, 64, 64, image.Rect(90, 70, 100, 80)},
		{image.Rect(0, 10, 100, 20), 0, 64, 64, image.Rect(0, 0, 100, 80)},
		{image.Rect(50, 0, 52, 80), 3, 64, 64, image.Rect(11, 0, 91, 80)},
	} {
		m := box(100, 80, tt.hole)
		assert.Equal(t, tt.want, newCutout(m.Pix, 100, 80, tt.padding, tt.w, tt.h).Rectangle, "%v", tt.hole)
	}
}

// What enlarged shows beyond the image is its border, and reduced takes it off again.
func TestPartFrames(t *testing.T) {
	img := fill(100, 10, color.NRGBA{9, 9, 9, 255})
	for x := range 100 {
		img.SetNRGBA(x, 0, color.NRGBA{200, 0, 0, 255})
		img.SetNRGBA(x, 9, color.NRGBA{0, 0, 200, 255})
	}
	p := &cutout{image.Rect(0, 0, 100, 10), 100, 40, nil}
	large, err := p.enlarged(t.Context(), rgb(t, img).rows())
	require.NoError(t, err)
	assert.Equal(t, []int{100, 40}, []int{large.width, large.height})
	at := func(y int) []uint8 { return large.pix[3*100*y:][:3] }
	assert.Equal(t, []uint8{224, 0, 0}, at(0)) // 200·9/8 − 9/8
	assert.Equal(t, []uint8{224, 0, 0}, at(14))
	assert.Equal(t, []uint8{200, 0, 0}, at(15))
	assert.Equal(t, []uint8{9, 9, 9}, at(16))
	assert.Equal(t, []uint8{0, 0, 200}, at(24))
	assert.Equal(t, []uint8{0, 0, 224}, at(25))
	assert.Equal(t, []uint8{0, 0, 224}, at(39))
	small, err := p.reduced(t.Context(), large.rows()).collect()
	require.NoError(t, err)
	assert.Equal(t, rgb(t, img).pix, small.pix)
}

// Each picture is that of its image and mask alone.
func TestInpaintEach(t *testing.T) {
	img, mask := patterned()
	each := []Painting{
		{picture(t, "input.png"), picture(t, "mask.png")}, {img, mask}, {picture(t, "input.png"), ramp(64, 64)},
	}
	for _, model := range []string{"tiny-sd15", "tiny-inpaint"} {
		p := load(t, model, nil)
		for _, o := range []Options{{KeepOutside: true}, {MaskPadding: 8, MaskBlur: 2}, {MaskCells: MaskCellsSoft, Strength: 0.7}} {
			o.Steps, o.Seed, o.Width, o.Height = 3, 9, 64, 64
			all, err := p.InpaintEach(t.Context(), prompt, each, &o)
			require.NoError(t, err)
			for i, e := range each {
				one := o
				one.Seed += uint64(i)
				want, err := p.Inpaint(t.Context(), prompt, e.Image, e.Mask, &one)
				require.NoError(t, err)
				assert.Equal(t, want.Images[0], all.Images[i], "%s, %d", model, i)
			}
		}
	}
	p := load(t, "tiny-sd15", nil)
	_, err := p.InpaintEach(t.Context(), prompt, []Painting{each[0], {Image: img}}, nil)
	assert.EqualError(t, err, "diffusion: mask 1: have no image")
	_, err = p.InpaintEach(t.Context(), prompt, each, &Options{Images: 2})
	assert.ErrorContains(t, err, "diffusion: images: have 2 for 3 images")
}
