package diffusion

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"

	"gorgonia.org/tensor"

	"sdgo/internal/config"
	"sdgo/internal/engine"
	"sdgo/internal/pillow"
)

// ImageProcessor makes of images what an image encoder of CLIP reads, as
// CLIPImageProcessor of transformers does: it brings the shorter side to a size, cuts a
// square from the middle, and normalises the colours. See [ImageProcessorFor] and
// [ParseImageProcessor].
type ImageProcessor struct {
	// Shortest is the shorter side in pixels after the resizing; the longer one keeps the
	// proportions, rounded down. If it is 0 the image becomes Height×Width.
	Shortest, Height, Width int
	// Crop is the side of the square that is cut out. Zero means that nothing is.
	Crop int
	// Resample is the filter, by Pillow's number: 1 is Lanczos', 2 bilinear, 3 bicubic.
	Resample int
	// Rescale multiplies 8-bit values. Mean, of red, green and blue, is subtracted from
	// that, and Std divides it.
	Rescale   float64
	Mean, Std [3]float64
}

// ImageProcessorFor returns the processor that the published models of CLIP have, for
// images of size×size pixels: 224 mostly.
func ImageProcessorFor(size int) ImageProcessor {
	return ImageProcessor{
		Shortest: size, Crop: size, Resample: 3, Rescale: 1 / 255.0,
		Mean: [3]float64{0.48145466, 0.4578275, 0.40821073}, Std: [3]float64{0.26862954, 0.26130258, 0.27577711},
	}
}

// filters are by Pillow's numbers.
var filters = map[int]pillow.Filter{1: pillow.Lanczos, 2: pillow.Bilinear, 3: pillow.Bicubic}

// maxProcessed is the largest side of a processed image in pixels.
const maxProcessed = 1 << 13

// check wants sizes that go together, and numbers that make sense.
func (p ImageProcessor) check() error {
	side := func(n int) bool { return n >= 1 && n <= maxProcessed }
	_, known := filters[p.Resample]
	finite := !math.IsNaN(p.Rescale) && !math.IsInf(p.Rescale, 0)
	for i := range p.Mean {
		finite = finite && !math.IsNaN(p.Mean[i]) && !math.IsInf(p.Mean[i], 0) && !math.IsNaN(p.Std[i])
	}
	height, width := p.Height, p.Width
	if p.Shortest != 0 {
		height, width = p.Shortest, p.Shortest
	}
	err := config.Verify(
		config.Want("size", []int{height, width}, side(height) && side(width), fmt.Sprintf("sides of 1 to %d pixels", maxProcessed)),
		config.Want("crop_size", p.Crop, p.Crop >= 0 && p.Crop <= min(height, width), "no more than the size that images are resized to"),
		config.Want("resample", p.Resample, known, "3 (bicubic), 2 (bilinear) or 1 (Lanczos)"),
		config.Want("rescale_factor, image_mean, image_std", []any{p.Rescale, p.Mean, p.Std}, finite && p.Std[0]*p.Std[1]*p.Std[2] != 0, "finite numbers, and deviations other than 0"),
	)
	if err != nil {
		return fmt.Errorf("diffusion: image processor: %w", err)
	}
	return nil
}

// Tensor returns an image as a tensor [1 3 H W] for clip.ImageEncoder, H and W being Crop,
// or the size after resizing. Transparency is ignored. An image that panics, or has fewer
// pixels than its bounds say, gives an error.
func (p ImageProcessor) Tensor(img image.Image) (*tensor.Dense, error) {
	s, err := newSource("image", img)
	if err != nil {
		return nil, err
	}
	return p.read(context.Background(), s)
}

// size is what an image of width×height pixels becomes before it is cut.
func (p ImageProcessor) size(width, height int) (w, h int) {
	if p.Shortest == 0 {
		return p.Width, p.Height
	}
	if long := int(float64(p.Shortest) * float64(max(width, height)) / float64(min(width, height))); width <= height {
		return p.Shortest, long
	} else {
		return long, p.Shortest
	}
}

// outSize is the size of what Tensor makes of a square image.
func (p ImageProcessor) outSize() (w, h int) {
	switch {
	case p.Crop > 0:
		return p.Crop, p.Crop
	case p.Shortest > 0:
		return p.Shortest, p.Shortest
	}
	return p.Width, p.Height
}

// read is Tensor of an image that was checked.
func (p ImageProcessor) read(ctx context.Context, s *source) (*tensor.Dense, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	w, h := p.size(s.width, s.height)
	if w > maxImageSide || h > maxImageSide {
		return nil, errors.New("diffusion: " + s.what + ": have an image that is too long for its width or height")
	}
	r := resample(ctx, s.rgb(ctx), w, h, filters[p.Resample])
	left, top, outW, outH := 0, 0, w, h
	if p.Crop > 0 {
		left, top, outW, outH = (w-p.Crop)/2, (h-p.Crop)/2, p.Crop, p.Crop
	}
	x, row := make([]float32, 3*outH*outW), make([]uint8, 3*w)
	for y := range top + outH {
		if err := r.next(row); err != nil {
			return nil, err
		}
		if y < top {
			continue
		}
		for i, v := range row[3*left:][:3*outW] {
			c := i % 3
			v := float32(float64(v)*p.Rescale) - float32(p.Mean[c])
			x[(c*outH+y-top)*outW+i/3] = v / float32(p.Std[c])
		}
	}
	return engine.Tensor(x, 1, 3, outH, outW), nil
}
