package commands

import (
	"context"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
)

// Control makes pictures of a prompt that follow the lines or shapes of an image.
var Control = &Command{
	Name: "control", About: "makes pictures of a prompt that follow the lines or shapes of an image, by a ControlNet or T2I-Adapter", Run: control,
	Examples: []string{
		`-model DIR -control CANNY -image photo.jpg -preprocess canny "a house in winter"`,
		`-model DIR -control DEPTH -image depth.png -control-scale 0.8 -width 512 -height 512 "a room of wood"`,
	},
}

func control(ctx context.Context, c *cli.Command, args []string) error {
	path := c.File("image", "the image for the controls that have no -control-image, a PNG, JPEG, GIF, WebP, BMP or TIFF `file`")
	var how cli.Preprocess
	how.Flag(c.FlagSet)
	if err := c.Parse(ctx, args); err != nil {
		return err
	}
	img, err := cli.ReadImage(ctx, "image", *path)
	if err != nil {
		return err
	}
	shown, err := how.Make(img)
	if err != nil {
		return err
	}
	if err := c.ControlImage(shown); err != nil {
		return err
	}

	pipe, err := c.Load(ctx)
	if err != nil {
		return err
	}
	defer pipe.Close()
	fit(&c.Options, pipe, img.Bounds().Dx(), img.Bounds().Dy())
	result, err := pipe.TextToImage(ctx, c.Prompt, &c.Options)
	if err != nil {
		return err
	}
	return c.Save(result)
}

// fit sets sides that are not given to those of an image, rounded down to what the model takes.
func fit(o *diffusion.Options, pipe *diffusion.Pipeline, width, height int) {
	factor := pipe.VAE.Config.Factor()
	if o.Width == 0 {
		o.Width = max(factor, width/factor*factor)
	}
	if o.Height == 0 {
		o.Height = max(factor, height/factor*factor)
	}
}
