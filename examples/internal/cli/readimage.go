package cli

import (
	"fmt"
	"image"
	"io/fs"
	"os"

	"sdgo/diffusion"
)

// ReadImage reads the image that the named flag gives, the right way up.
func ReadImage(name, path string) (image.Image, error) {
	if path == "" {
		return nil, fmt.Errorf("-%s: have no file, want one", name)
	}
	// To open a named pipe is to wait for a writer.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("-%s: %s: have %s, want a file", name, path, kind(info.Mode()))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("-%s: %w", name, err)
	}
	defer f.Close()
	img, err := diffusion.DecodeImage(f)
	if err != nil {
		return nil, fmt.Errorf("-%s: %s: %w", name, path, err)
	}
	return img, nil
}

// kind says what stands in place of a file.
func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
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
