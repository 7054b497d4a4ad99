// Command inspect prints how a model would make a picture: what its parts take of
// memory and time on this machine, and which layers take the most; with -layers the
// algorithm, the weights and the memory of each layer. With -device cuda it does so for
// graphics processors, on paper.
package main

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

func main() { cli.Program("inspect", run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("inspect", flag.ContinueOnError)
	var load diffusion.LoadOptions
	var o diffusion.Options
	model := f.String("model", "tinyscenes", models.Help)
	f.StringVar(&load.Variant, "variant", "", "`name` of the weight files, fp16 for model.fp16.safetensors (default the plain ones)")
	cli.WeightsFlag(f, &load.Weights)
	f.StringVar(&load.Precision, "precision", "", "float32, float16, bfloat16 or int8 (default float32)")
	cli.MemoryFlag(f, &load.MaxMemory, "")
	f.IntVar(&load.Threads, "threads", 0, "goroutines that compute (default one for each processor)")
	f.IntVar(&o.Width, "width", 0, "width in pixels (default the model's)")
	f.IntVar(&o.Height, "height", 0, "height in pixels (default the model's)")
	f.Float64Var(&o.Guidance, "guidance", 0, "guidance scale; 1 turns it off and halves the work (default 7.5)")
	device := f.String("device", "cpu", "where to compute: cpu, cuda for each of some cards, or one of them: rtx3090, rtx4090, a100, h100; their times are a model's, and none needs to be there")
	layers := f.Bool("layers", false, "list every layer of every part (default totals, and the slowest layers)")
	if err := cli.NoArguments(f, args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			cli.Help(stdout, f, "prints how a model would make a picture", "[flags]")
		}
		return err
	}
	if _, err := weights.ParsePrecision(load.Precision); err != nil {
		return cli.Misuse(fmt.Errorf("-%w", err))
	}

	onCards, err := cardNames(*device)
	if err != nil {
		return err
	}
	fsys, err := models.Open(*model)
	if err != nil {
		return err
	}
	if onCards != nil {
		return cards(ctx, fsys, onCards, load, &o, *layers, stdout)
	}
	pipe, err := diffusion.LoadFSContext(ctx, fsys, &load)
	if err != nil {
		return err
	}
	defer pipe.Close()
	cli.PrintWarnings(stderr, "inspect", pipe)
	plan, err := pipe.Plan(&o)
	if err != nil {
		return err
	}
	if *layers {
		_, err = plan.WriteTo(stdout)
		return err
	}
	return summary(stdout, plan)
}
