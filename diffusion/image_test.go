package diffusion

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/pillow"
)

func readPNG(t testing.TB, name string) image.Image {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	img, err := png.Decode(f)
	require.NoError(t, err)
	return img
}

// fill returns an image of one color.
func fill(w, h int, c color.NRGBA) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

func resized(t testing.TB, p pixels, width, height int) pixels {
	out, err := resize(context.Background(), p.rows(), width, height).collect()
	require.NoError(t, err)
	return out
}

// rgb returns an image's red, green and blue.
func rgb(t testing.TB, img image.Image) pixels {
	s, err := newSource("image", img)
	require.NoError(t, err)
	p, err := s.rgb(context.Background()).collect()
	require.NoError(t, err)
	return p
}

// tensorOf returns an image as [1 3 height width].
func tensorOf(t testing.TB, img image.Image, width, height int) []float32 {
	x, err := resized(t, rgb(t, img), width, height).tensor(context.Background())
	require.NoError(t, err)
	return x
}

func TestResizeAsPillow(t *testing.T) {
	f, err := os.Open("testdata/resize.json.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var file struct {
		Cases []struct {
			Mode                string
			Size, To            [2]int
			Input, Output, Gray []byte
		}
	}
	require.NoError(t, json.NewDecoder(z).Decode(&file))
	require.NotEmpty(t, file.Cases)
	for _, c := range file.Cases {
		got := resized(t, pixels{c.Size[0], c.Size[1], len(c.Mode), c.Input}, c.To[0], c.To[1])
		assert.Equal(t, c.Output, got.pix, "%s %v to %v", c.Mode, c.Size, c.To)
		if c.Mode == "RGB" {
			for i, want := range c.Gray {
				require.Equal(t, want, pillow.Luma(got.pix[3*i], got.pix[3*i+1], got.pix[3*i+2]))
			}
		}
	}
}

func TestResizeKeepsAFlatImage(t *testing.T) {
	for _, to := range [][2]int{{8, 8}, {3, 90}, {511, 1}, {17, 23}} {
		p := newPixels(23, 17, 2)
		for i := range p.pix {
			p.pix[i] = []uint8{255, 77}[i%2]
		}
		for i, v := range resized(t, p, to[0], to[1]).pix {
			require.Equal(t, []uint8{255, 77}[i%2], v, "%v", to)
		}
	}
}

func TestImageToTensor(t *testing.T) {
	img := readPNG(t, "testdata/input.png")
	x := tensorOf(t, img, 64, 64)
	require.Len(t, x, 3*64*64)
	for y := range 64 {
		for i := range 64 {
			c := img.At(i, y).(color.RGBA)
			for k, v := range []uint8{c.R, c.G, c.B} {
				require.Equal(t, 2*(float32(v)/255)-1, x[(k*64+y)*64+i])
			}
		}
	}
	images, err := tensorToImages(t.Context(), x, 1, 64, 64)
	require.NoError(t, err)
	assert.Equal(t, rgb(t, img), rgb(t, images[0]), "there and back")
	assert.True(t, images[0].Opaque())
}

// The same picture in any type of image, and with any origin, is the same.
func TestImageTypes(t *testing.T) {
	src := fill(6, 5, color.NRGBA{200, 100, 50, 255})
	src.SetNRGBA(2, 3, color.NRGBA{1, 2, 3, 0}) // transparent, but not black
	want := rgb(t, src)
	assert.Equal(t, []uint8{1, 2, 3}, want.pix[3*(3*6+2):][:3], "alpha is dropped")

	shifted := image.NewNRGBA(image.Rect(-7, 9, -1, 14))
	copy(shifted.Pix, src.Pix)
	assert.Equal(t, want, rgb(t, shifted))

	big := fill(20, 20, color.NRGBA{9, 9, 9, 9})
	part := big.SubImage(image.Rect(3, 4, 9, 9)).(*image.NRGBA)
	paletted := image.NewPaletted(image.Rect(0, 0, 6, 5), color.Palette{src.At(0, 0), src.At(2, 3)})
	deep := image.NewNRGBA64(image.Rect(0, 0, 6, 5))
	for y := range 5 {
		for x := range 6 {
			c := src.NRGBAAt(x, y)
			part.SetNRGBA(3+x, 4+y, c)
			deep.SetNRGBA64(x, y, color.NRGBA64{uint16(c.R) * 257, uint16(c.G) * 257, uint16(c.B) * 257, uint16(c.A) * 257})
			if c.A == 0 {
				paletted.SetColorIndex(x, y, 1)
			}
		}
	}
	for _, img := range []image.Image{part, paletted, deep} {
		assert.Equal(t, want, rgb(t, img), "%T", img)
	}

	opaque := image.NewRGBA(image.Rect(0, 0, 1, 2))
	opaque.SetRGBA(0, 0, color.RGBA{10, 20, 30, 255})
	opaque.SetRGBA(0, 1, color.RGBA{10, 20, 30, 51}) // premultiplied by 1/5
	assert.Equal(t, []uint8{10, 20, 30, 50, 100, 150}, rgb(t, opaque).pix)
	webp := image.NewNYCbCrA(image.Rect(0, 0, 1, 1), image.YCbCrSubsampleRatio444)
	webp.Y[0], webp.Cb[0], webp.Cr[0] = 150, 128, 128 // transparent, and gray all the same
	assert.Equal(t, []uint8{150, 150, 150}, rgb(t, webp).pix)
	gray := image.NewGray(image.Rect(0, 0, 1, 1))
	gray.SetGray(0, 0, color.Gray{99})
	assert.Equal(t, []uint8{99, 99, 99}, rgb(t, gray).pix)
	jpeg := image.NewYCbCr(image.Rect(0, 0, 1, 1), image.YCbCrSubsampleRatio420)
	jpeg.Y[0], jpeg.Cb[0], jpeg.Cr[0] = 150, 128, 128
	assert.Equal(t, []uint8{150, 150, 150}, rgb(t, jpeg).pix)
}

func TestToByte(t *testing.T) {
	tests := []struct {
		v    float32
		want uint8
	}{
		{-1, 0}, {1, 255}, {-7, 0}, {7, 255}, {0, 128}, // 127.5 rounds to even
		{-0.99607843, 0}, // 0.5 rounds to even
		{float32(math.Inf(1)), 255}, {float32(math.Inf(-1)), 0}, {float32(math.NaN()), 0},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, toByte(tt.v), "%v", tt.v)
	}
	for v := range 256 {
		assert.EqualValues(t, v, toByte(2*(float32(v)/255)-1))
	}
}

func TestTensorToImagesShape(t *testing.T) {
	x := make([]float32, 2*3*2*4)
	x[3*2*4] = 1 // red of the first pixel of the second image
	images, err := tensorToImages(t.Context(), x, 2, 2, 4)
	require.NoError(t, err)
	require.Len(t, images, 2)
	assert.Equal(t, image.Rect(0, 0, 4, 2), images[0].Rect)
	assert.Equal(t, color.NRGBA{128, 128, 128, 255}, images[0].NRGBAAt(0, 0))
	assert.Equal(t, color.NRGBA{255, 128, 128, 255}, images[1].NRGBAAt(0, 0))
	for _, s := range [][3]int{{2, 2, 3}, {0, 2, 4}, {-2, -2, 4}} {
		_, err = tensorToImages(t.Context(), x, s[0], s[1], s[2])
		assert.ErrorContains(t, err, "have 48 values, want shape")
	}
}

// FuzzResize checks that any size gives an image, and that flat stays flat.
func FuzzResize(f *testing.F) {
	f.Add(uint8(3), uint8(7), uint8(8), uint8(1), uint8(255))
	f.Fuzz(func(t *testing.T, w, h, toW, toH, v uint8) {
		p := newPixels(1+int(w), 1+int(h), 1)
		for i := range p.pix {
			p.pix[i] = v
		}
		out := resized(t, p, 1+int(toW), 1+int(toH))
		require.Len(t, out.pix, (1+int(toW))*(1+int(toH)))
		for _, got := range out.pix {
			require.Equal(t, v, got)
		}
	})
}

func BenchmarkImageToTensor(b *testing.B) {
	img := fill(1920, 1080, color.NRGBA{200, 100, 50, 255})
	for b.Loop() {
		tensorOf(b, img, 512, 512)
	}
}

// What ImageToTensor makes of an image comes back from TensorToImage, opaque.
func TestImagesAreTensors(t *testing.T) {
	img := image.NewNRGBA(image.Rect(3, 4, 3+5, 4+2))
	for i := range img.Pix {
		img.Pix[i] = uint8(37 * i)
	}
	x, err := ImageToTensor(img)
	require.NoError(t, err)
	assert.Equal(t, tensor.Shape{1, 3, 2, 5}, x.Shape())
	assert.Equal(t, 2*(float32(img.Pix[1])/255)-1, x.Float32s()[10], "green of the first pixel")
	back, err := TensorToImage(x)
	require.NoError(t, err)
	require.Len(t, back, 1)
	for i, v := range img.Pix {
		if i%4 == 3 {
			v = 255
		}
		assert.Equal(t, v, back[0].Pix[i], "byte %d", i)
	}

	x.Float32s()[0], x.Float32s()[1], x.Float32s()[2] = float32(math.NaN()), 9, float32(math.Inf(-1))
	back, err = TensorToImage(x)
	require.NoError(t, err)
	assert.Equal(t, []uint8{0, 255, 0}, []uint8{back[0].Pix[0], back[0].Pix[4], back[0].Pix[8]})

	for what, bad := range map[string]*tensor.Dense{
		"nil": nil, "zero": {}, "channels": tensor.New(tensor.WithShape(1, 4, 2, 5), tensor.Of(tensor.Float32)),
		"dimensions": tensor.New(tensor.WithShape(3, 2, 5), tensor.Of(tensor.Float32)), "type": tensor.New(tensor.WithShape(1, 3, 2, 5), tensor.Of(tensor.Float64)),
	} {
		_, err := TensorToImage(bad)
		assert.ErrorContains(t, err, "diffusion: images: have", what)
	}
	_, err = ImageToTensor(nil)
	assert.ErrorContains(t, err, "diffusion: image")
}
