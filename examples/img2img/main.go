// Command img2img makes pictures of a prompt that keep the layout of an image.
//
//	img2img -image red.png -strength 0.8 "a blue house on a green hill"
package main

import (
	"context"

	"sdgo/examples/internal/cli"
)

func main() { cli.Main("img2img", "makes pictures of a prompt that keep the layout of an image", run) }

func run(ctx context.Context, c *cli.Command, args []string) error {
	path := c.File("image", "the image to start from, a PNG, JPEG, GIF, WebP, BMP or TIFF `file`")
	c.Float64Var(&c.Options.Strength, "strength", 0, "how much of the image is replaced by noise, above 0, to 1 (default 0.8)")
	if err := c.Parse(ctx, args); err != nil {
		return err
	}
	img, err := cli.ReadImage(ctx, "image", *path)
	if err != nil {
		return err
	}

	pipe, err := c.Load(ctx)
	if err != nil {
		return err
	}
	defer pipe.Close()
	result, err := pipe.ImageToImage(ctx, c.Prompt, img, &c.Options)
	if err != nil {
		return err
	}
	return c.Save(result)
}
