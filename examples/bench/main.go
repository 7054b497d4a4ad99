// Command bench measures the parts of Stable Diffusion on this machine: the text
// encoder with two prompts, a guided step of the U-Net, and the VAE's decoder.
// Models without weights get random ones of the real shapes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"sdgo/examples/internal/cli"
	"sdgo/examples/internal/models"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	var o options
	f.StringVar(&o.model, "model", "sd15", models.Help)
	f.StringVar(&o.precision, "precision", "float32", "float32, float16, bfloat16 or int8: see diffusion.LoadOptions")
	f.IntVar(&o.size, "size", 0, "side of the picture in `pixels` (default the model's)")
	f.IntVar(&o.steps, "steps", 3, "`runs` of each part")
	f.IntVar(&o.branch, "branch", 0, "also time a U-Net step that reuses the deep feature at this skip `branch`, 3 say (default none)")
	f.Float64Var(&o.merge, "merge", 0, "`share` of tokens to merge before self-attention at full resolution, 0 to 0.75")
	f.IntVar(&o.threads, "threads", 0, "goroutines that compute (default one for each processor)")
	table := tableFlags(f)
	cli.MemoryFlag(f, &o.maxMemory, ", with -picture")
	wantPicture := f.Bool("picture", false, "make a picture with all parts, in -steps steps, and report its time and the process's memory")
	asJSON := f.Bool("json", false, "write JSON")
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
	if err := o.check(); err != nil {
		return err
	}
	if *wantPicture {
		return picture(ctx, &o, *asJSON, stdout)
	}
	if table.wanted() {
		return table.run(ctx, &o, *asJSON, stdout)
	}
	r, err := measure(ctx, o)
	if err != nil {
		return err
	}
	if *asJSON {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return r.print(stdout)
}
