// Command inspect prints how a model would make a picture: the algorithm, the weights
// and the memory of each layer, and the time that it should take on this machine.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
	"sdgo/examples/internal/models"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "inspect: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("inspect", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	var load diffusion.LoadOptions
	var o diffusion.Options
	model := f.String("model", "tinyscenes", models.Help)
	f.StringVar(&load.Variant, "variant", "", "`name` of the weight files, fp16 for model.fp16.safetensors (default the plain ones)")
	f.StringVar(&load.Precision, "precision", "", "float32, float16, bfloat16 or int8 (default float32)")
	cli.MemoryFlag(f, &load.MaxMemory, "")
	f.IntVar(&load.Threads, "threads", 0, "goroutines that compute (default one for each processor)")
	f.IntVar(&o.Width, "width", 0, "width in pixels (default the model's)")
	f.IntVar(&o.Height, "height", 0, "height in pixels (default the model's)")
	f.Float64Var(&o.Guidance, "guidance", 0, "guidance scale; 1 turns it off and halves the work (default 7.5)")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			f.SetOutput(stdout)
			f.PrintDefaults()
		}
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("have argument %q, want flags only", f.Arg(0))
	}

	fsys, err := models.Open(*model)
	if err != nil {
		return err
	}
	pipe, err := diffusion.LoadFS(fsys, &load)
	if err != nil {
		return err
	}
	defer pipe.Close()
	cli.PrintWarnings(stderr, "inspect", pipe)
	plan, err := pipe.Plan(&o)
	if err != nil {
		return err
	}
	_, err = plan.WriteTo(stdout)
	return err
}
