package commands

import (
	"context"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
)

// SuperResolution makes a larger picture of an image, without a prompt.
var SuperResolution = &Command{
	Name: "superres", About: "makes a larger picture of an image, with a model that was trained for that and reads no text", Run: superResolution,
	Examples: []string{
		`-model LDM-SR -image small.png`,
		`-model LDM-SR -image small.png -steps 100 -eta 1 -sampler ddim`,
	},
}

func superResolution(ctx context.Context, c *cli.Command, args []string) error {
	c.Wordless()
	path := c.File("image", "the image to enlarge, a PNG, JPEG, GIF, WebP, BMP or TIFF `file`; its sides are rounded down to multiples of 32 pixels")
	if err := c.Parse(ctx, args); err != nil {
		return err
	}
	img, err := cli.ReadImage(ctx, "image", *path)
	if err != nil {
		return err
	}

	return draw(ctx, c, func(pipe *diffusion.Pipeline) (*diffusion.Result, error) {
		return pipe.SuperResolution(ctx, img, &c.Options)
	})
}
