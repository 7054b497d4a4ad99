package commands

import (
	"context"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
)

// Control makes pictures of a prompt that networks steer by an image.
var Control = &Command{
	Name: "control", About: "makes pictures of a prompt that a ControlNet or T2I-Adapter steers by an image", Run: control,
	Examples: []string{
		`-model DIR -control CANNY -image photo.png -preprocess canny "a room of wood"`,
		`-model DIR -control TILE -image photo.png -preprocess tile:2 -control-scale 0.8 -control-end 0.6 "a room of wood"`,
		`-model DIR -control SCRIBBLE -image sheet.png -preprocess scribble -control DEPTH -control-image depth.png "a room of wood"`,
	},
}

func control(ctx context.Context, c *cli.Command, args []string) error {
	path := c.File("image", "the image that each -control without a -control-image reads, as it is or as its -preprocess makes it, a PNG, JPEG, GIF, WebP, BMP or TIFF `file`; the picture has its size")
	c.HighResFlags()
	c.BoxFlags()
	if err := c.Parse(ctx, args); err != nil {
		return err
	}
	img, err := cli.ReadImage(ctx, "image", *path)
	if err != nil {
		return err
	}
	if err := c.ControlBy(img); err != nil {
		return err
	}

	return draw(ctx, c, func(pipe *diffusion.Pipeline) (*diffusion.Result, error) {
		return pipe.TextToImage(ctx, c.Prompt, &c.Options)
	})
}
