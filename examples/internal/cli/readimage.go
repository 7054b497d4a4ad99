package cli

import (
	"context"
	"fmt"
	"image"

	"gorgonia.org/tensor"

	"sdgo/diffusion"
	"sdgo/internal/regular"
)

// ReadImage reads the image that the named flag gives, the right way up.
func ReadImage(ctx context.Context, name, path string) (image.Image, error) {
	f, err := regular.Open(ctx, regular.OS{}, path)
	if err != nil {
		return nil, fmt.Errorf("-%s: %w", name, err)
	}
	img, err := await(ctx, func() (image.Image, error) {
		defer f.Close()
		return diffusion.DecodeImage(regular.Reader(ctx, f))
	})
	if err != nil {
		return nil, fmt.Errorf("-%s: %s: %w", name, path, err)
	}
	return img, nil
}

// ReadDepth reads the depth map that the flag -depth gives; it is nil without a path.
func ReadDepth(ctx context.Context, path string) (*tensor.Dense, error) {
	if path == "" {
		return nil, nil
	}
	img, err := ReadImage(ctx, "depth", path)
	if err != nil {
		return nil, err
	}
	depth, err := diffusion.DepthMap(img)
	if err != nil {
		return nil, fmt.Errorf("-depth: %s: %w", path, err)
	}
	return depth, nil
}

// ReadMask reads the mask for an image, and says so if it is stretched.
func (c *Command) ReadMask(ctx context.Context, path string, img image.Image) (image.Image, error) {
	mask, err := ReadImage(ctx, "mask", path)
	if err != nil {
		return nil, err
	}
	if have, want := mask.Bounds().Size(), img.Bounds().Size(); have != want {
		c.note("the mask has %d×%d pixels and is stretched over the image's %d×%d", have.X, have.Y, want.X, want.Y)
	}
	return mask, nil
}
