package commands

import (
	"context"
	"fmt"
	"strings"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
)

// Inpaint repaints a part of an image.
var Inpaint = &Command{
	Name: "inpaint", About: "repaints the masked part of an image", Run: inpaint,
	Examples: []string{
		`-image boat.png -mask mask.png -keep-outside "a red boat on the sea"`,
		`-image photo.jpg -mask mask.png -mask-blur 8 -mask-cells soft -only-masked 32 "a red boat on the sea"`,
	},
}

func inpaint(ctx context.Context, c *cli.Command, args []string) error {
	path := c.File("image", "the image to repaint, a PNG, JPEG, GIF, WebP, BMP or TIFF `file`")
	maskPath := c.File("mask", "the mask, a `file`; stretched over the image if it has another size")
	c.Func("mask-mode", "`name` of the pixels of the mask that are repainted: luminance, the bright ones (the default), or alpha, the transparent ones",
		choose(&c.Options.Mask, diffusion.MaskLuminance, diffusion.MaskAlpha))
	c.Func("mask-cells", "`name` of the cells of 8×8 pixels that are repainted: any, those with any pixel of the mask (the default), sample, those whose pixel at the upper left is of the mask, as in diffusers, or soft, gray cells in the last part of the run alone",
		choose(&c.Options.MaskCells, diffusion.MaskCellsAny, diffusion.MaskCellsSample, diffusion.MaskCellsSoft))
	c.Float64Var(&c.Options.MaskBlur, "mask-blur", 0, "feather the mask by so many `pixels` (default 0)")
	c.IntVar(&c.Options.MaskPadding, "only-masked", 0, "draw only the part of the image around the mask, with so many `pixels` on each side, at the model's size (default the whole image)")
	c.BoolVar(&c.Options.KeepOutside, "keep-outside", false, "leave the pixels outside the mask as they are, byte for byte, and mix them with the result where the mask is gray")
	c.Float64Var(&c.Options.Strength, "strength", 0, "how much of the masked part is replaced by noise, above 0, to 1 (default 1)")
	if err := c.Parse(ctx, args); err != nil {
		return err
	}
	img, err := cli.ReadImage(ctx, "image", *path)
	if err != nil {
		return err
	}
	mask, err := c.ReadMask(ctx, *maskPath, img)
	if err != nil {
		return err
	}

	return draw(ctx, c, func(pipe *diffusion.Pipeline) (*diffusion.Result, error) {
		return pipe.Inpaint(ctx, c.Prompt, img, mask, &c.Options)
	})
}

// choose sets a value to the choice with the name that a flag gives.
func choose[T fmt.Stringer](value *T, choices ...T) func(string) error {
	return func(name string) error {
		var names []string
		for _, choice := range choices {
			if choice.String() == name {
				*value = choice
				return nil
			}
			names = append(names, choice.String())
		}
		return fmt.Errorf("want %s", strings.Join(names, " or "))
	}
}
