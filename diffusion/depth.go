package diffusion

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/nn"
	"sdgo/internal/pillow"
)

// DepthMap makes a depth map [H W] for [Pipeline.DepthToImage] of a picture of one: 0
// where it is black and far away, 1 where it is white and near. An *image.Gray16, such
// as DecodeImage gives for a PNG file of 16 bits, keeps its precision; of others the
// luminance counts, in 8 bits.
func DepthMap(img image.Image) (*tensor.Dense, error) {
	s, err := newSource("depth map", img)
	if err != nil {
		return nil, err
	}
	out := make([]float32, s.width*s.height)
	if deep, ok := img.(*image.Gray16); ok {
		for i := range out {
			v := deep.Gray16At(s.origin.X+i%s.width, s.origin.Y+i/s.width)
			out[i] = float32(v.Y) / math.MaxUint16
		}
		return engine.Tensor(out, s.height, s.width), nil
	}
	rgb, row := s.rgb(context.Background()), make([]uint8, 3*s.width)
	for line := range slices.Chunk(out, s.width) {
		if err := rgb.next(row); err != nil {
			return nil, err
		}
		for i := range line {
			line[i] = float32(pillow.Luma(row[3*i], row[3*i+1], row[3*i+2])) / math.MaxUint8
		}
	}
	return engine.Tensor(out, s.height, s.width), nil
}

// checkDepth returns the numbers [H W] of a depth map.
func checkDepth(t *tensor.Dense) (x []float32, height, width int, err error) {
	if t == nil {
		return nil, 0, 0, errors.New("diffusion: depth: have no depth map, want a tensor [H W]")
	}
	shape := t.Shape()
	if n := len(shape); n < 2 || n > 4 || slices.ContainsFunc(shape[:n-2], func(n int) bool { return n != 1 }) {
		return nil, 0, 0, fmt.Errorf("diffusion: depth: have shape %v, want [H W], [1 H W] or [1 1 H W]", []int(shape))
	}
	height, width = shape[len(shape)-2], shape[len(shape)-1]
	if height < 1 || width < 1 || height > maxImageSide || width > maxImageSide {
		return nil, 0, 0, fmt.Errorf("diffusion: depth: have %d×%d numbers, want sides of 1 to %d", width, height, maxImageSide)
	}
	if width > maxImagePixels/height {
		return nil, 0, 0, fmt.Errorf("diffusion: depth: have %d×%d numbers, want up to %d in all", width, height, maxImagePixels)
	}
	if x, err = nn.Floats("depth", t, shape...); err != nil {
		return nil, 0, 0, fmt.Errorf("diffusion: %w", err)
	}
	return x, height, width, nil
}

// readDepth returns a depth map for latents of h×w cells, [1 h w] from -1 to 1.
func readDepth(ctx context.Context, t *tensor.Dense, h, w int) ([]float32, error) {
	x, height, width, err := checkDepth(t)
	if err != nil {
		return nil, err
	}
	if err := checkDepths(ctx, x, width); err != nil {
		return nil, err
	}
	out, err := torchCubic.resample(ctx, x, height, width, h, w)
	if err != nil {
		return nil, err
	}
	low, high := slices.Min(out), slices.Max(out)
	if !(high-low > 0) || math.IsInf(float64(high-low), 0) {
		return nil, fmt.Errorf("diffusion: depth: have %v to %v at %d×%d cells, want a map of different depths there", low, high, w, h)
	}
	for i, v := range out {
		out[i] = 2*(v-low)/(high-low) - 1
	}
	return out, nil
}

// checkDepths wants finite numbers that are not all the same in rows of a width.
func checkDepths(ctx context.Context, x []float32, width int) error {
	same := true
	for y := range len(x) / width {
		if err := ctx.Err(); err != nil {
			return err
		}
		row := x[y*width:][:width]
		if err := checkFinite(fmt.Sprint("depth: row ", y), row); err != nil {
			return fmt.Errorf("diffusion: %w", err)
		}
		same = same && slices.Min(row) == x[0] && slices.Max(row) == x[0]
	}
	if same {
		return fmt.Errorf("diffusion: depth: have %v everywhere, want a map of different depths", x[0])
	}
	return nil
}
