package watermark

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// picture is one of some colors, with an edge and grain. Of some pictures
// the reference does not read its own mark.
func picture(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	grain := uint32(1)
	for y := range h {
		for x := range w {
			r := uint8(60 + x*150/w)
			c := color.NRGBA{r, r, r + 4, 255}
			if x > w/2 && y > h/3 {
				c.B = r - 30
			}
			grain = 1664525*grain + 1013904223
			c.G, c.B = c.G+uint8(grain>>24%4), c.B+uint8(grain>>28%8)
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

// agreeing is the least share of blocks that agree in a picture that was marked: here and there
// the change of a block makes another coefficient its largest.
const agreeing = 0.75

func read(t *testing.T, name string) image.Image {
	f, err := os.Open("testdata/" + name)
	require.NoError(t, err)
	defer f.Close()
	img, err := png.Decode(f)
	require.NoError(t, err)
	return img
}

// The reference's pixels, see testdata/gen.py: the odd lines at the right and below stay.
func TestReference(t *testing.T) {
	for name, m := range map[string]Mark{"sd.png": StableDiffusionV1, "sdxl.png": SDXL} {
		want := copied(read(t, name))
		have, err := Embed(picture(261, 259), m)
		require.NoError(t, err)
		different := 0
		for i := range want.Pix {
			if have.Pix[i] != want.Pix[i] {
				different++
			}
		}
		assert.Zero(t, different, name)
		got, sure, err := Decode(want, len(m))
		require.NoError(t, err)
		assert.Equal(t, m, got, name)
		assert.Greater(t, sure, agreeing)
	}
}

// What is embedded is decoded, and what is not, is not.
func TestEmbed(t *testing.T) {
	img := picture(256, 320)
	img.SetNRGBA(3, 4, color.NRGBA{1, 2, 3, 4})
	for _, m := range []Mark{StableDiffusionV1, SDXL, "0", "1", Bytes([]byte{0, 255, 7})} {
		marked, err := Embed(img, m)
		require.NoError(t, err)
		got, sure, err := Decode(marked, len(m))
		require.NoError(t, err)
		assert.Equal(t, m, got)
		assert.Greater(t, sure, agreeing)
		assert.EqualValues(t, 4, marked.NRGBAAt(3, 4).A)
		sum := 0.0
		for i := range img.Pix {
			d := float64(img.Pix[i]) - float64(marked.Pix[i])
			sum += d * d
		}
		const visible = 25 // the mean square that nobody sees, 34 dB
		assert.Less(t, sum/float64(len(img.Pix)), float64(visible))
	}
	m, _, err := Decode(img, len(SDXL))
	require.NoError(t, err)
	assert.NotEqual(t, SDXL, m)
	assert.Equal(t, []byte("StableDiffusionV1"), StableDiffusionV1.Bytes())
	assert.Len(t, SDXL, 48)
}

func TestWrong(t *testing.T) {
	small, wide := picture(255, 256), picture(256, 256)
	for _, tt := range []struct {
		img  image.Image
		mark Mark
		want string
	}{
		{small, SDXL, "have 255×256 pixels, want 65536"},
		{wide, "", "have 0 bits, want 1 to 1024"},
		{wide, Bytes(make([]byte, 129)), "have 1032 bits, want 1 to 1024"},
		{wide, "012", "have '2' as bit 2"},
		{nil, SDXL, "have no image"},
	} {
		_, err := Embed(tt.img, tt.mark)
		assert.ErrorContains(t, err, tt.want)
	}
	_, _, err := Decode(small, 48)
	assert.ErrorContains(t, err, "have 255×256 pixels")
	_, _, err = Decode(wide, 1<<40)
	assert.ErrorContains(t, err, "want 1 to 1024")
	_, _, err = Decode(nil, 1)
	assert.ErrorContains(t, err, "have no image")
}
