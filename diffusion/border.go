package diffusion

import (
	"context"
	"fmt"
	"image"
	"math"

	"sdgo/sampler"
)

// Border is what is painted around an image: as many pixels as it says on each side, one
// at least somewhere.
type Border struct {
	Left, Right, Top, Bottom int

	// Fill is what the border has before it is painted. Zero means FillEdge.
	Fill Fill

	// Overlap is how many pixels of the image along its border are painted, too: the mask
	// falls there from white to black. Zero means 16, and NoOverlap none.
	Overlap int

	// Seed seeds the noise of FillNoise, as torch.Generator("cpu").manual_seed does.
	Seed uint64
}

// NoOverlap as Border.Overlap makes the mask end where the image begins.
const NoOverlap = -1

const defaultOverlap = 16

// Fill is what a border has before it is painted.
type Fill int

const (
	// FillEdge repeats the pixels at the image's edge. It is the default.
	FillEdge Fill = iota

	// FillBlur repeats them and blurs the border by a quarter of its width.
	FillBlur

	// FillNoise draws each color from the normal distribution that the image's has.
	FillNoise
)

// String returns "edge", "blur" or "noise".
func (f Fill) String() string {
	switch f {
	case FillEdge:
		return "edge"
	case FillBlur:
		return "blur"
	case FillNoise:
		return "noise"
	}
	return fmt.Sprintf("Fill(%d)", int(f))
}

// check wants a border that an image of a size can have.
func (b Border) check(width, height int) error {
	sides := []int{b.Left, b.Right, b.Top, b.Bottom}
	most := 0
	for _, n := range sides {
		if n < 0 || n > maxImageSide {
			return fmt.Errorf("diffusion: border: have sides of %v pixels, want 0 to %d", sides, maxImageSide)
		}
		most = max(most, n)
	}
	w, h := b.size(width, height)
	switch {
	case most == 0:
		return fmt.Errorf("diffusion: border: have none, want one pixel at least on some side")
	case w > maxImageSide || h > maxImageSide || w > maxImagePixels/h:
		return fmt.Errorf("diffusion: border: have a picture of %d×%d pixels with it, want sides up to %d and %d pixels in all", w, h, maxImageSide, maxImagePixels)
	case b.Fill < FillEdge || b.Fill > FillNoise:
		return fmt.Errorf("diffusion: border: have %v, want %v, %v or %v", b.Fill, FillEdge, FillBlur, FillNoise)
	case b.Overlap < NoOverlap || b.Overlap > maxImageSide:
		return fmt.Errorf("diffusion: border: have an overlap of %d pixels, want 1 to %d, 0 for %d, or NoOverlap", b.Overlap, maxImageSide, defaultOverlap)
	}
	return nil
}

// size is that of an image with the border around it.
func (b Border) size(width, height int) (int, int) {
	return width + b.Left + b.Right, height + b.Top + b.Bottom
}

// Extend returns an image with the border around it, opaque, and the mask for
// [Pipeline.Inpaint] that has it white.
func (b Border) Extend(img image.Image) (*image.NRGBA, *image.Gray, error) {
	src, err := newSource("image", img)
	if err != nil {
		return nil, nil, err
	}
	return b.extend(context.Background(), src)
}

// extend is Extend of a source.
func (b Border) extend(ctx context.Context, src *source) (*image.NRGBA, *image.Gray, error) {
	if err := b.check(src.width, src.height); err != nil {
		return nil, nil, err
	}
	inner := image.Rect(b.Left, b.Top, b.Left+src.width, b.Top+src.height)
	width, height := b.size(src.width, src.height)
	p, err := src.rgb(ctx).framed(b.Left, b.Top, width, height).collect()
	if err != nil {
		return nil, nil, err
	}
	switch b.Fill {
	case FillBlur:
		blurred, err := p.blur(ctx, min(float64(max(b.Left, b.Right, b.Top, b.Bottom))/4, maxBlur))
		if err != nil {
			return nil, nil, err
		}
		p = blurred.with(p, inner)
	case FillNoise:
		noise, err := b.noise(ctx, p, inner)
		if err != nil {
			return nil, nil, err
		}
		p = noise.with(p, inner)
	}
	picture, err := opaqueImage(p.rows())
	return picture, b.mask(inner, p.width, p.height), err
}

// with returns p with the part of another image of its size in a rectangle.
func (p pixels) with(other pixels, box image.Rectangle) pixels {
	for y := box.Min.Y; y < box.Max.Y; y++ {
		from, to := 3*(y*p.width+box.Min.X), 3*(y*p.width+box.Max.X)
		copy(p.pix[from:to], other.pix[from:to])
	}
	return p
}

// noise returns noise with the mean and the deviation of each color within the rectangle.
func (b Border) noise(ctx context.Context, p pixels, box image.Rectangle) (pixels, error) {
	var sum, squares [3]float64
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for i, v := range p.pix[3*(y*p.width+box.Min.X) : 3*(y*p.width+box.Max.X)] {
			sum[i%3] += float64(v)
			squares[i%3] += float64(v) * float64(v)
		}
	}
	var mean, deviation [3]float64
	n := float64(box.Dx() * box.Dy())
	for c := range sum {
		mean[c] = sum[c] / n
		deviation[c] = math.Sqrt(max(squares[c]/n-float64(mean[c]*mean[c]), 0))
	}
	out := newPixels(p.width, p.height, 3)
	generator, row := sampler.NewTorch(b.Seed), make([]float32, 3*p.width)
	for y := range p.height {
		if err := ctx.Err(); err != nil {
			return pixels{}, err
		}
		generator.Normal(row)
		for i, v := range row {
			out.pix[3*y*p.width+i] = uint8(min(max(math.RoundToEven(mean[i%3]+float64(deviation[i%3]*float64(v))), 0), 255))
		}
	}
	return out, nil
}

// mask is white around the rectangle of the image, and within it falls to black.
func (b Border) mask(box image.Rectangle, width, height int) *image.Gray {
	overlap := b.Overlap
	if overlap == 0 {
		overlap = defaultOverlap
	}
	overlap = max(overlap, 0)
	m := image.NewGray(image.Rect(0, 0, width, height))
	for i := range m.Pix {
		m.Pix[i] = max(
			b.fall(i%width, box.Min.X, box.Max.X, b.Left, b.Right, overlap),
			b.fall(i/width, box.Min.Y, box.Max.Y, b.Top, b.Bottom, overlap),
		)
	}
	return m
}

// fall is the mask's value at a place along one side, where the image is from one number to
// another and has borders before and behind it.
func (Border) fall(at, from, to, before, behind, overlap int) uint8 {
	if at < from || at >= to {
		return 255
	}
	depth := overlap // within the image
	if before > 0 {
		depth = min(depth, at-from)
	}
	if behind > 0 {
		depth = min(depth, to-1-at)
	}
	if depth >= overlap {
		return 0
	}
	return uint8(math.Round(255 * (1 - (float64(depth)+0.5)/float64(overlap))))
}
