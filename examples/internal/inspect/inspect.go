// Package inspect prints what a model's files hold, how a picture was made, or how a model would make one.
package inspect

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
	"sdgo/examples/internal/models"
	"sdgo/internal/weights"
)

// About is what the command does.
const About = "prints what a model's file or folder holds, how the picture of a file was made, or, without a file, how -model would make one"

// Command is the command: its name and what its flags say.
type Command struct {
	name              string
	load              diffusion.LoadOptions
	options           diffusion.Options
	adapters          cli.Adapters
	model, device     string
	layers, all, json bool
}

// New returns the command under a name.
func New(name string) *Command { return &Command{name: name} }

// Run runs the command.
func (c *Command) Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := c.Flags()
	words, err := cli.ParseFlags(f, args)
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			cli.Help(stdout, f, About, "[flags] [file or folder]")
		}
		return err
	}
	if _, err := weights.ParsePrecision(c.load.Precision); err != nil {
		return cli.Misuse(fmt.Errorf("-%w", err))
	}
	switch len(words) {
	case 0:
		return c.plan(ctx, stdout, stderr)
	case 1:
		if c.layers {
			return cli.Misuse(errors.New("-layers: have it beside a file, want it with -model"))
		}
		return c.report(ctx, words[0], stdout)
	}
	return cli.Misuse(fmt.Errorf("have %d files, want one", len(words)))
}

// Flags returns the command's flags.
func (c *Command) Flags() *flag.FlagSet {
	f := flag.NewFlagSet(c.name, flag.ContinueOnError)
	f.StringVar(&c.model, "model", "tinyscenes", models.Help+", or one file")
	f.StringVar(&c.load.Variant, "variant", "", "`name` of the weight files, fp16 for model.fp16.safetensors (default the plain ones)")
	cli.PartFlags(f, &c.load)
	f.StringVar(&c.load.Tokenizer, "tokenizer", "", "`folder` of a tokenizer in place of the model's")
	f.StringVar(&c.load.Prediction, "prediction", "", "what the model predicts, `kind` epsilon or v_prediction")
	c.adapters.Flag(f)
	cli.WeightsFlag(f, &c.load.Weights)
	f.StringVar(&c.load.Precision, "precision", "", "float32, float16, bfloat16 or int8 (default float32)")
	cli.MemoryFlag(f, &c.load.MaxMemory, "")
	f.IntVar(&c.load.Threads, "threads", 0, "without a file: list how so many goroutines share the work, counted and not timed, as with -json for programs (default: how long it takes one for each processor)")
	f.IntVar(&c.options.Width, "width", 0, "width in pixels (default the model's)")
	f.IntVar(&c.options.Height, "height", 0, "height in pixels (default the model's)")
	f.Float64Var(&c.options.Guidance, "guidance", 0, "guidance scale; 1 turns it off and halves the work (default 7.5)")
	f.StringVar(&c.device, "device", "cpu", "where to compute: cpu, cuda for each of some cards, or one of them: rtx3090, rtx4090, a100, h100; their times are a model's, and none needs to be there")
	f.BoolVar(&c.layers, "layers", false, "list every layer of every part (default totals, and the slowest layers)")
	f.BoolVar(&c.all, "all", false, "list every tensor of the file (default a screenful)")
	f.BoolVar(&c.json, "json", false, "write JSON, with every tensor of the file")
	return f
}
