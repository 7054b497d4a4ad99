package diffusion

import (
	"encoding/json"
	"image"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// rgbImage is a picture of a golden case, [H W 3].
func rgbImage(c *golden.Case, name string) *image.NRGBA {
	shape, pixels := c.Shape(name), c.Int64s(name)
	img := image.NewNRGBA(image.Rect(0, 0, shape[1], shape[0]))
	for i := range shape[0] * shape[1] {
		for k, v := range pixels[3*i : 3*i+3] {
			img.Pix[4*i+k] = uint8(v)
		}
		img.Pix[4*i+3] = 255
	}
	return img
}

// processorTolerance is a rounding step of the normalised colours.
const processorTolerance = 2e-7

// The image processor gives what CLIPImageProcessor gives.
func TestImageProcessor(t *testing.T) {
	c := golden.Open(t, "vision/processor")
	var info struct{ Processors map[string]json.RawMessage }
	c.Decode(&info)
	require.Len(t, info.Processors, 10)
	for name, config := range info.Processors {
		p, err := ParseImageProcessor(config)
		require.NoError(t, err, name)
		x, err := p.Tensor(rgbImage(c, name+".image"))
		require.NoError(t, err, name)
		assert.Equal(t, c.Shape(name+".pixels"), []int(x.Shape())[1:], name)
		golden.Close(t, c.Float32s(name+".pixels"), x.Float32s(), processorTolerance, name)
	}
	p, err := ParseImageProcessor([]byte(`{}`))
	require.NoError(t, err)
	assert.Equal(t, ImageProcessorFor(224), p)
}

func TestImageProcessorErrors(t *testing.T) {
	for _, tt := range []struct{ config, want string }{
		{`{"size": "x"}`, `size: have "x", want a number, shortest_edge, or height and width`},
		{`{"size": {"shortest_edge": 0}}`, "size: have [0 0], want sides of 1 to 8192 pixels"},
		{`{"crop_size": {"height": 3, "width": 4}}`, "crop_size"},
		{`{"size": 200}`, "crop_size: have 224, want no more than the size that images are resized to"},
		{`{"do_resize": false}`, "do_resize: have false, want true"},
		{`{"resample": 0}`, "resample: have 0, want 3 (bicubic), 2 (bilinear) or 1 (Lanczos)"},
		{`{"image_std": [1, 0, 1]}`, "deviations other than 0"},
		{`{"image_mean": [1]}`, "image_mean: have [1], want 3 numbers"},
		{`[]`, "diffusion: image processor: "},
	} {
		_, err := ParseImageProcessor([]byte(tt.config))
		assert.ErrorContains(t, err, tt.want)
	}
	p := ImageProcessorFor(8)
	_, err := p.Tensor(nil)
	assert.ErrorContains(t, err, "diffusion: image: have no image")
	_, err = p.Tensor(image.NewGray(image.Rect(0, 0, 1, maxImageSide)))
	assert.ErrorContains(t, err, "too long")
	p.Std[1] = math.NaN()
	_, err = p.Tensor(image.NewGray(image.Rect(0, 0, 9, 9)))
	assert.ErrorContains(t, err, "diffusion: image processor: ")
}
