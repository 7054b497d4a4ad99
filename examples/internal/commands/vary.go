package commands

import (
	"context"
	"errors"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
)

// Vary makes pictures like an image.
var Vary = &Command{
	Name: "vary", About: "makes pictures like an image: as its file says that it was made, from what it shows with other seeds, or with a model for image variation", Run: vary,
	Examples: []string{
		`-image out.png -n 4 -grid`,
		`-image photo.jpg -strength 0.4 "a house by the sea"`,
		`-model SD-IMAGE-VARIATIONS -image photo.jpg`,
	},
}

// varied is the strength of a variation by image-to-image.
const varied = 0.5

func vary(ctx context.Context, c *cli.Command, args []string) error {
	path := c.File("image", "the image to vary, a PNG, JPEG, GIF, WebP, BMP or TIFF `file`; if it says how it was made, prompt and settings are those, and the seeds the following ones")
	c.Float64Var(&c.Options.Strength, "strength", 0, "how much of the image is replaced by noise, above 0, to 1 (default 0.5; not for models for image variation)")
	c.IntVar(&c.Options.NoiseLevel, "noise-level", 0, "how much `noise` the image gets with a model of unCLIP, 0 to 999: the more, the freer are the pictures (default 0)")
	c.VaryFrom("image")
	if err := c.Parse(ctx, args); err != nil {
		return err
	}
	img, err := cli.ReadImage(ctx, "image", *path)
	if err != nil {
		return err
	}

	return draw(ctx, c, func(pipe *diffusion.Pipeline) (*diffusion.Result, error) {
		switch {
		case pipe.TextEncoder == nil && pipe.ImageEncoder != nil:
			if c.DropWords(); c.Prompt != "" {
				return nil, cli.Misuse(errors.New("have a prompt, want none: the model reads images, and no text"))
			}
			return pipe.ImageVariation(ctx, img, &c.Options)
		case pipe.ImageEncoder != nil:
			return pipe.UnCLIP(ctx, c.Prompt, img, &c.Options)
		case c.Prompt == "":
			return nil, cli.Misuse(errors.New("have no prompt, and -image does not say how it was made: want a prompt, or a -model for image variation"))
		}
		if c.Options.Strength == 0 {
			c.Options.Strength = varied
		}
		return pipe.ImageToImage(ctx, c.Prompt, img, &c.Options)
	})
}
