// Command bench measures the parts of Stable Diffusion on this machine: the text
// encoder with two prompts, a guided step of the U-Net, and the VAE's decoder.
// Models without weights get random ones of the real shapes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"

	"sdgo/examples/internal/cli"
	"sdgo/examples/internal/models"
	"sdgo/internal/cuda"
)

func main() { cli.Program("bench", run) }

const about = "measures the parts of Stable Diffusion on this machine, with random weights where a model has none"

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	var o options
	o.flags(f)
	table := tableFlags(f)
	rivals := rivalFlags(f)
	wantPicture := f.Bool("picture", false, "make a picture with all parts, from the text to a PNG in -steps steps, and report its time and the process's memory")
	asJSON := f.Bool("json", false, "write JSON")
	if err := cli.NoArguments(f, args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			cli.Help(stdout, f, about, "[flags]")
		}
		return err
	}
	if err := o.check(); err != nil {
		return cli.Misuse(err)
	}
	if len(o.adapters) > 0 && !*wantPicture {
		return cli.Misuse(errors.New("-lora: have an adapter, want -picture beside it"))
	}
	if o.cache != "" && !*wantPicture {
		return cli.Misuse(errors.New("-cache: have a folder, want -picture beside it"))
	}
	if rivals.wanted() {
		if err := rivals.check(&o, table.wanted(), *wantPicture); err != nil {
			return cli.Misuse(err)
		}
		return rivals.run(ctx, &o, args, *asJSON, stdout)
	}
	if *wantPicture {
		return picture(ctx, &o, *asJSON, stdout, stderr)
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

// flags declares those that say what is measured.
func (o *options) flags(f *flag.FlagSet) {
	f.StringVar(&o.model, "model", "sd15", models.Help)
	f.StringVar(&o.variant, "variant", "", "`name` of the weight files, fp16 for model.fp16.safetensors (default the plain ones)")
	cli.WeightsFlag(f, &o.weights)
	f.StringVar(&o.precision, "precision", "float32", "float32, float16, bfloat16 or int8: see diffusion.LoadOptions")
	f.IntVar(&o.size, "size", 0, "side of the picture in `pixels` (default the model's)")
	f.IntVar(&o.steps, "steps", 3, "`runs` of each part")
	f.IntVar(&o.branch, "branch", 0, "also time a U-Net step that reuses the deep feature at this skip `branch`, 3 say (default none)")
	f.Float64Var(&o.merge, "merge", 0, "`share` of tokens to merge before self-attention at full resolution, 0 to 0.75")
	f.Float64Var(&o.guidance, "guidance", 0, "guidance `scale`; 1 turns it off, which halves a step (default the model's)")
	f.BoolVar(&o.taesd, "taesd", false, "decode with the small autoencoder (AutoencoderTiny), of a model with random weights")
	f.Func("device", "where to compute: cpu, cuda or cuda:`N`", func(s string) error {
		o.device = s
		_, err := cuda.Parse(s)
		return err
	})
	f.BoolVar(&o.layers, "layers", false, "list the time of each shape of layer, and its share of what all processors reach over a second in -precision")
	f.IntVar(&o.threads, "threads", 0, "goroutines that compute (default one for each processor)")
	o.adapters.Flag(f)
	cli.MemoryFlag(f, &o.maxMemory, ", with -picture")
	f.StringVar(&o.cache, "cache", "", "with -picture: `folder` for weights as they are in memory, so that a model of files is loaded sooner the next time (default none)")
}
