package commands

import (
	"context"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
)

// Upscale makes a larger picture of an image.
var Upscale = &Command{
	Name: "upscale", About: "makes a picture four times as large as an image, with a model that was trained for that", Run: upscale,
	Examples: []string{
		`-model X4 -image small.png "a red house on a green hill"`,
		`-model X4 -image small.png -noise-level 50 -tile 512 "a red house on a green hill"`,
	},
}

func upscale(ctx context.Context, c *cli.Command, args []string) error {
	path := c.File("image", "the image to enlarge, a PNG, JPEG, GIF, WebP, BMP or TIFF `file`")
	c.IntVar(&c.Options.NoiseLevel, "noise-level", 0, "how much noise is added to the image, -1 for none: more makes the picture freer of it (default 20)")
	if err := c.Parse(ctx, args); err != nil {
		return err
	}
	img, err := cli.ReadImage(ctx, "image", *path)
	if err != nil {
		return err
	}

	return draw(ctx, c, func(pipe *diffusion.Pipeline) (*diffusion.Result, error) {
		return pipe.Upscale(ctx, c.Prompt, img, &c.Options)
	})
}
