package diffusion

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/pillow"
)

// arrays are what Pillow and torch make of some.
type arrays struct {
	Blur struct {
		Size    [2]int
		Input   hexBytes
		Outputs []struct {
			Deviation float64
			Output    hexBytes
		}
	}
	Resize struct {
		Size    [2]int
		Input   hexBytes
		Outputs []struct {
			Filter string
			To     [2]int
			Output hexBytes
		}
	}
	Latents struct {
		Shape   []int
		Input   []float32
		Outputs []struct {
			Upscaler Upscaler
			To       [2]int // height and width
			Output   []float32
		}
	}
}

type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

func readArrays(t *testing.T) (a arrays) {
	f, err := os.Open("testdata/tasks/arrays.json.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(z).Decode(&a))
	return a
}

func TestBlurAsPillow(t *testing.T) {
	a := readArrays(t).Blur
	require.NotEmpty(t, a.Outputs)
	for _, c := range a.Outputs {
		got, err := pixels{a.Size[0], a.Size[1], 1, a.Input}.blur(t.Context(), c.Deviation)
		require.NoError(t, err)
		assert.Equal(t, []byte(c.Output), got.pix, "deviation %v", c.Deviation)
	}
}

func TestFiltersAsPillow(t *testing.T) {
	a := readArrays(t).Resize
	require.NotEmpty(t, a.Outputs)
	for _, c := range a.Outputs {
		f := map[string]pillow.Filter{"cubic": pillow.Bicubic, "linear": pillow.Bilinear, "nearest": pillow.Nearest}[c.Filter]
		got, err := resample(t.Context(), pixels{a.Size[0], a.Size[1], 3, a.Input}.rows(), c.To[0], c.To[1], f).collect()
		require.NoError(t, err)
		assert.Equal(t, []byte(c.Output), got.pix, "%s to %v", c.Filter, c.To)
	}
}

func TestUpscalerLatents(t *testing.T) {
	a := readArrays(t).Latents
	require.NotEmpty(t, a.Outputs)
	x := engine.Tensor(a.Input, a.Shape...)
	for _, c := range a.Outputs {
		got, err := c.Upscaler.Latents(x, c.To[1], c.To[0])
		require.NoError(t, err)
		assert.Equal(t, tensor.Shape{1, 2, c.To[0], c.To[1]}, got.Shape())
		golden.Close(t, c.Output, got.Float32s(), resampling, fmt.Sprint(c.Upscaler, c.To))
	}
	empty, err := Upscaler("").Latents(x, 14, 12)
	require.NoError(t, err)
	same, err := UpscaleLatent.Latents(x, 14, 12)
	require.NoError(t, err)
	assert.Equal(t, same.Float32s(), empty.Float32s())
}

func TestUpscalerErrors(t *testing.T) {
	x, img := engine.Tensor(make([]float32, 16), 1, 4, 2, 2), image.NewGray(image.Rect(0, 0, 2, 2))
	for _, tt := range []struct {
		u             Upscaler
		x             *tensor.Dense
		width, height int
		want          string
	}{
		{"ESRGAN", x, 4, 4, `diffusion: upscaler: have "ESRGAN", want one of Latent, Latent (antialiased)`},
		{UpscaleLanczos, x, 4, 4, `have "Lanczos", which enlarges pictures`},
		{"", nil, 4, 4, "diffusion: upscaler: latents: have none"},
		{"", engine.Tensor(make([]float32, 16), 4, 2, 2), 4, 4, "have shape [4 2 2]"},
		{"", x, 0, 4, "have 2×2 cells to become 0×4, want sides of 1 to 8192"},
		{"", x, 4, 8193, "want sides of 1 to 8192"},
	} {
		_, err := tt.u.Latents(tt.x, tt.width, tt.height)
		assert.ErrorContains(t, err, tt.want)
	}
	for _, tt := range []struct {
		u             Upscaler
		img           image.Image
		width, height int
		want          string
	}{
		{"", img, 4, 4, `diffusion: upscaler: image: have "Latent", which enlarges latents`},
		{UpscaleNearest, nil, 4, 4, "diffusion: image: have no image"},
		{UpscaleNearest, img, 0, 4, "have 0×4 pixels to make, want sides of 1 to 32768"},
		{UpscaleNearest, img, 32768, 32768, "up to 268435456 in all"},
	} {
		_, err := tt.u.Image(tt.img, tt.width, tt.height)
		assert.ErrorContains(t, err, tt.want)
	}
}
