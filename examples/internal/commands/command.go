// Package commands has the examples that make pictures, one in a file. Each is a program of
// its own, and a subcommand of sd.
package commands

import (
	"context"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
)

// Command is an example that makes pictures.
type Command struct {
	Name     string   // of the program, and of the subcommand
	About    string   // what it does: "makes pictures of a prompt"
	Examples []string // what may stand behind the name, a line each

	// Run adds the command's own flags to those that all have, and does the work.
	Run func(context.Context, *cli.Command, []string) error
}

// All lists the commands, those first that are mostly wanted first.
func All() []*Command {
	return []*Command{TextToImage, ImageToImage, Inpaint, Outpaint, Control, Vary, Upscale, Unconditional, SuperResolution}
}

// draw makes pictures with the model that a command's flags name, and writes them.
func draw(ctx context.Context, c *cli.Command, with func(*diffusion.Pipeline) (*diffusion.Result, error)) error {
	pipe, err := c.Load(ctx)
	if err != nil {
		return err
	}
	defer pipe.Close()
	result, err := with(pipe)
	if err != nil {
		return err
	}
	return c.Save(result)
}

// Main runs the command as a program. It does not return.
func (c *Command) Main() { cli.Main(c.Name, c.About, c.Run, c.Examples...) }
