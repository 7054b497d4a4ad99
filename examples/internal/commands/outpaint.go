package commands

import (
	"context"
	"errors"
	"strconv"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
)

// Outpaint paints around an image.
var Outpaint = &Command{
	Name: "outpaint", About: "paints around an image", Run: outpaint,
	Examples: []string{
		`-image boat.png -border 64,64,0,0 -keep-outside "a red boat on the sea"`,
		`-image boat.png -border 32 -border-fill blur -border-overlap 24 -mask-cells soft -strength 0.9 "a red boat on the sea"`,
	},
}

func outpaint(ctx context.Context, c *cli.Command, args []string) error {
	path := c.File("image", "the image to paint around, a PNG, JPEG, GIF, WebP, BMP or TIFF `file`")
	var border diffusion.Border
	cli.BorderFlags(c.FlagSet, &border)
	c.Func("mask-cells", "`name` of the cells of 8×8 pixels that are painted: any, those with any pixel of the border (the default), or soft, those of the overlap in the last part of the run alone",
		choose(&c.Options.MaskCells, diffusion.MaskCellsAny, diffusion.MaskCellsSoft))
	c.BoolVar(&c.Options.KeepOutside, "keep-outside", false, "leave the image's pixels as they are, byte for byte, and mix them with the result in the overlap")
	c.Float64Var(&c.Options.Strength, "strength", 0, "how much of the border is replaced by noise, above 0, to 1 (default 1)")
	if err := c.Parse(ctx, args); err != nil {
		return err
	}
	if border.Left+border.Right+border.Top+border.Bottom == 0 {
		return cli.Misuse(errors.New("-border: have none, want pixels to paint"))
	}
	if border.Fill == diffusion.FillNoise && c.Lookup("border-seed").Value.String() == "" {
		if err := c.Set("border-seed", strconv.FormatUint(c.Options.Seed, 10)); err != nil { // which the files then say
			return err
		}
	}
	img, err := cli.ReadImage(ctx, "image", *path)
	if err != nil {
		return err
	}

	return draw(ctx, c, func(pipe *diffusion.Pipeline) (*diffusion.Result, error) {
		return pipe.Outpaint(ctx, c.Prompt, img, border, &c.Options)
	})
}
