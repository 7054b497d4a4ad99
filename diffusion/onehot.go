package diffusion

import (
	"fmt"
	"image"

	"gorgonia.org/tensor"

	"sdgo/internal/nn"
)

// maxOneHot bounds what OneHotChannels makes: 1 GiB.
const maxOneHot = 1 << 28

// OneHotChannels returns a map of labels as channels [1 classes H W], for ChannelsToImage:
// each pixel is 1 in the channel of its label and 0 in others. A label is the number of the
// color of an *image.Paletted, or the value of an *image.Gray; others are an error, and so
// are labels that are no class. Give it a map in the size of the latents.
func OneHotChannels(labels image.Image, classes int) (*tensor.Dense, error) {
	src, err := newSource("labels", labels)
	if err != nil {
		return nil, err
	}
	var row func(y int) []uint8
	switch img := labels.(type) {
	case *image.Paletted:
		row = func(y int) []uint8 { return img.Pix[y*img.Stride:][:src.width] }
	case *image.Gray:
		row = func(y int) []uint8 { return img.Pix[y*img.Stride:][:src.width] }
	default:
		return nil, fmt.Errorf("diffusion: labels: have a %T, want an *image.Paletted or an *image.Gray, whose values are the labels", labels)
	}
	plane := src.width * src.height
	if classes < 1 || classes > maxOneHot/plane {
		return nil, fmt.Errorf("diffusion: labels: have %d classes, want 1 to %d for %d×%d pixels", classes, maxOneHot/plane, src.width, src.height)
	}
	out := nn.Tensor(1, classes, src.height, src.width)
	x := out.Float32s()
	for y := range src.height {
		for i, label := range row(y) {
			if int(label) >= classes {
				return nil, fmt.Errorf("diffusion: labels: have %d at (%d, %d), want 0 to %d", label, i, y, classes-1)
			}
			x[int(label)*plane+y*src.width+i] = 1
		}
	}
	return out, nil
}
