// Command txt2img makes pictures of a prompt.
//
//	txt2img "a red house on a green hill under a yellow sun"
package main

import (
	"context"

	"sdgo/examples/internal/cli"
)

func main() { cli.Main("txt2img", "makes pictures of a prompt", run) }

func run(ctx context.Context, c *cli.Command, args []string) error {
	if err := c.Parse(ctx, args); err != nil {
		return err
	}

	pipe, err := c.Load(ctx)
	if err != nil {
		return err
	}
	defer pipe.Close()
	result, err := pipe.TextToImage(ctx, c.Prompt, &c.Options)
	if err != nil {
		return err
	}
	return c.Save(result)
}
