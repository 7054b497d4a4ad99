package commands

import (
	"context"
	"errors"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
)

// ImageToImage makes pictures of a prompt that keep the layout of an image, or of its depth.
var ImageToImage = &Command{
	Name: "img2img", About: "makes pictures of a prompt that keep the layout of an image", Run: imageToImage,
	Examples: []string{
		`-image red.png -strength 0.8 "a blue house on a green hill"`,
		`-model PIX2PIX -image red.png -edit "make the house blue"`,
		`-model SD2DEPTH -image in.png -depth depth.png "a room of wood"`,
	},
}

func imageToImage(ctx context.Context, c *cli.Command, args []string) error {
	path := c.File("image", "the image to start from, a PNG, JPEG, GIF, WebP, BMP or TIFF `file`")
	depthPath := c.String("depth", "", "for a model that sees depth, a `file` with the image's depth map, white where it is near; gray PNG of 16 bits keeps its precision (default none)")
	edit := c.Bool("edit", false, "the prompt is an instruction, for a model that was trained to edit")
	c.Float64Var(&c.Options.ImageGuidance, "image-guidance", 0, "with -edit, how much the image counts (default 1.5)")
	c.BoxFlags()
	c.Float64Var(&c.Options.Strength, "strength", 0, "how much of the image is replaced by noise, above 0, to 1 (default 0.8)")
	if err := c.Parse(ctx, args); err != nil {
		return err
	}
	if *edit && *depthPath != "" {
		return cli.Misuse(errors.New("-depth: have a depth map beside -edit, want one of them"))
	}
	img, err := cli.ReadImage(ctx, "image", *path)
	if err != nil {
		return err
	}
	depth, err := cli.ReadDepth(ctx, *depthPath)
	if err != nil {
		return err
	}

	return draw(ctx, c, func(pipe *diffusion.Pipeline) (*diffusion.Result, error) {
		switch {
		case *edit:
			return pipe.Edit(ctx, c.Prompt, img, &c.Options)
		case depth != nil:
			return pipe.DepthToImage(ctx, c.Prompt, img, depth, &c.Options)
		}
		return pipe.ImageToImage(ctx, c.Prompt, img, &c.Options)
	})
}
