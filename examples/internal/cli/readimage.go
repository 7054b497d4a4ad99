package cli

import (
	"bytes"
	"fmt"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	"os"
)

// maxPixels bounds the images that are read: a header of a few bytes can ask
// for any size.
const maxPixels = 1 << 26

// ReadImage reads the image that the named flag gives.
func ReadImage(name, path string) (image.Image, error) {
	if path == "" {
		return nil, fmt.Errorf("-%s: have no file, want one", name)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("-%s: %w", name, err)
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err == nil && config.Width*config.Height > maxPixels {
		err = fmt.Errorf("have %d×%d pixels, want up to %d", config.Width, config.Height, maxPixels)
	}
	if err != nil {
		return nil, fmt.Errorf("-%s: %s: %w", name, path, err)
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("-%s: %s: %w", name, path, err)
	}
	return img, nil
}

// ReadMask reads the mask for an image, and says so if it is stretched.
func (c *Command) ReadMask(path string, img image.Image) (image.Image, error) {
	mask, err := ReadImage("mask", path)
	if err != nil {
		return nil, err
	}
	if have, want := mask.Bounds().Size(), img.Bounds().Size(); have != want {
		c.note("the mask has %d×%d pixels and is stretched over the image's %d×%d", have.X, have.Y, want.X, want.Y)
	}
	return mask, nil
}
