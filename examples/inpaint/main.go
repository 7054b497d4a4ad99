// Command inpaint repaints a part of an image.
//
//	inpaint -image boat.png -mask mask.png "a red boat on the sea"
package main

import (
	"context"
	"fmt"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
)

func main() { cli.Main("inpaint", "repaints the masked part of an image", run) }

func run(ctx context.Context, c *cli.Command, args []string) error {
	path := c.File("image", "the image to repaint, a PNG, JPEG or GIF `file`")
	maskPath := c.File("mask", "the mask, a `file` of the image's size")
	c.Func("mask-mode", "which pixels of the mask are repainted: the bright ones (`luminance`, the default) or the transparent ones (alpha)", func(mode string) error {
		for _, m := range []diffusion.MaskMode{diffusion.MaskLuminance, diffusion.MaskAlpha} {
			if m.String() == mode {
				c.Options.Mask = m
				return nil
			}
		}
		return fmt.Errorf("want luminance or alpha")
	})
	c.BoolVar(&c.Options.KeepOutside, "keep-outside", false, "leave the pixels outside the mask as they are, byte for byte")
	c.Float64Var(&c.Options.Strength, "strength", 0, "how much of the masked part is replaced by noise, above 0, to 1 (default 1)")
	if err := c.Parse(ctx, args); err != nil {
		return err
	}
	img, err := cli.ReadImage("image", *path)
	if err != nil {
		return err
	}
	mask, err := cli.ReadImage("mask", *maskPath)
	if err != nil {
		return err
	}

	pipe, err := c.Load()
	if err != nil {
		return err
	}
	defer pipe.Close()
	result, err := pipe.Inpaint(ctx, c.Prompt, img, mask, &c.Options)
	if err != nil {
		return err
	}
	return c.Save(result)
}
