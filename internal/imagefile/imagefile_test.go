package imagefile

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"image"
	"image/color"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// file is a picture file, and the pixels that Pillow makes of it.
type file struct {
	Name string
	File []byte
	Size [2]int
	RGB  []byte
}

func files(t testing.TB) []file {
	f, err := os.Open("testdata/pillow.json.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var data struct{ Cases []file }
	require.NoError(t, json.NewDecoder(z).Decode(&data))
	require.NotEmpty(t, data.Cases)
	return data.Cases
}

// upright returns a picture's pixels the right way up.
func upright(p *Picture) (*image.NRGBA, error) {
	img := p.nrgba()
	b := img.Bounds()
	return Turn(b.Dx(), b.Dy(), p.Orientation, func(dst []uint8, y int) error {
		for x := range b.Dx() {
			c := color.NRGBAModel.Convert(img.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA)
			copy(dst[4*x:], []uint8{c.R, c.G, c.B, c.A})
		}
		return nil
	})
}

// jpegTolerance is how far a decoder of JPEG may be from another: the standard leaves
// the rounding of the inverse cosine transform free, and a step in brightness and one
// in color, which counts 1.8 times in blue, make three.
const jpegTolerance = 3

func TestAsPillow(t *testing.T) {
	for _, f := range files(t) {
		t.Run(f.Name, func(t *testing.T) {
			p, err := Decode(bytes.NewReader(f.File))
			require.NoError(t, err)
			img, err := upright(p)
			require.NoError(t, err)
			require.Equal(t, image.Pt(f.Size[0], f.Size[1]), img.Rect.Size())
			tolerance := 0
			if strings.HasPrefix(f.Name, "jpeg") {
				tolerance = jpegTolerance
			}
			worst, where := 0, 0
			for i, want := range f.RGB {
				d := int(img.Pix[i/3*4+i%3]) - int(want)
				if d = max(d, -d); d > worst {
					worst, where = d, i
				}
			}
			if worst > tolerance {
				px := where / 3
				assert.Fail(t, "pixels differ", "by %d at %d, %d: have %v, want %v", worst, px%f.Size[0], px/f.Size[0], img.Pix[4*px:][:3], f.RGB[3*px:][:3])
			}
		})
	}
}
