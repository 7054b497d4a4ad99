package commands

import (
	"context"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
)

// ImageToImage makes pictures of a prompt that keep the layout of an image, or of its depth.
var ImageToImage = add(Command{
	Name: "img2img", About: "makes pictures of a prompt that keep the layout of an image", Run: imageToImage,
	Examples: []string{
		`-image red.png -strength 0.8 "a blue house on a green hill"`,
		`-model SD2DEPTH -image in.png -depth depth.png "a room of wood"`,
	},
})

func imageToImage(ctx context.Context, c *cli.Command, args []string) error {
	path := c.File("image", "the image to start from, a PNG, JPEG, GIF, WebP, BMP or TIFF `file`")
	depthPath := c.String("depth", "", "for a model that sees depth, a `file` with the image's depth map, white where it is near; gray PNG of 16 bits keeps its precision (default none)")
	c.Float64Var(&c.Options.Strength, "strength", 0, "how much of the image is replaced by noise, above 0, to 1 (default 0.8)")
	if err := c.Parse(ctx, args); err != nil {
		return err
	}
	img, err := cli.ReadImage(ctx, "image", *path)
	if err != nil {
		return err
	}
	depth, err := cli.ReadDepth(ctx, *depthPath)
	if err != nil {
		return err
	}

	pipe, err := c.Load(ctx)
	if err != nil {
		return err
	}
	defer pipe.Close()
	var result *diffusion.Result
	if depth != nil {
		result, err = pipe.DepthToImage(ctx, c.Prompt, img, depth, &c.Options)
	} else {
		result, err = pipe.ImageToImage(ctx, c.Prompt, img, &c.Options)
	}
	if err != nil {
		return err
	}
	return c.Save(result)
}
