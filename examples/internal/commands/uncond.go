package commands

import (
	"context"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
)

// Unconditional makes pictures with a model that reads no text.
var Unconditional = &Command{
	Name: "uncond", About: "makes pictures with a model that reads no text, of a class if it knows some", Run: unconditional,
	Examples: []string{
		`-model DDPM -n 4 -grid`,
		`-model CLASSES -class 207 -negative-class 1000 -guidance 3`,
	},
}

func unconditional(ctx context.Context, c *cli.Command, args []string) error {
	c.Wordless()
	cli.NumberFlag(c.FlagSet, &c.Options.Class, "class", "`number` of the class to make a picture of, from 0, for a model that knows some")
	cli.NumberFlag(c.FlagSet, &c.Options.NegativeClass, "negative-class", "`number` of the class that guidance leads away from, mostly that which stood for none in training (default none, without guidance)")
	if err := c.Parse(ctx, args); err != nil {
		return err
	}

	return draw(ctx, c, func(pipe *diffusion.Pipeline) (*diffusion.Result, error) {
		return pipe.Unconditional(ctx, &c.Options)
	})
}
