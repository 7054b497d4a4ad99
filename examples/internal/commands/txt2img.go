package commands

import (
	"context"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
)

// TextToImage makes pictures of a prompt.
var TextToImage = &Command{
	Name: "txt2img", About: "makes pictures of a prompt", Run: textToImage,
	Examples: []string{
		`"a red house on a green hill under a yellow sun"`,
		`-n 9 -seed -1 -grid "a blue boat on the sea"`,
		`-model DIR -steps 25 -sampler "DPM++ 2M Karras" -guidance 6 "a lighthouse at dusk"`,
		`-from out.png -seed 2`,
		`-hires 2 -hires-strength 0.6 "a red house on a green hill under a yellow sun"`,
	},
}

func textToImage(ctx context.Context, c *cli.Command, args []string) error {
	c.HighResFlags()
	c.BoxFlags()
	if err := c.Parse(ctx, args); err != nil {
		return err
	}

	return draw(ctx, c, func(pipe *diffusion.Pipeline) (*diffusion.Result, error) {
		return pipe.TextToImage(ctx, c.Prompt, &c.Options)
	})
}
