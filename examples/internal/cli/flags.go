package cli

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/sampler"
	"sdgo/scheduler"
)

// Command is an example command: the flags that all of them have, and what they
// were set to. A command adds its own flags before it calls Parse.
type Command struct {
	*flag.FlagSet
	Prompt  string
	Options diffusion.Options

	model, output  string
	sampler        string // help, or a name
	load           diffusion.LoadOptions
	about          string
	stdout, stderr io.Writer
	progress       *progress
	loading        time.Duration
}

// New returns a command with the flags that all examples have.
func New(name, about string, stdout, stderr io.Writer) *Command {
	c := &Command{
		FlagSet: flag.NewFlagSet(name, flag.ContinueOnError),
		about:   about, stdout: stdout, stderr: stderr,
		progress: newProgress(stderr),
	}
	c.SetOutput(io.Discard) // errors are returned, and printed once
	c.Usage = func() {}
	c.Options.OnStep = c.progress.step

	o := &c.Options
	c.StringVar(&c.model, "model", "", "the model's `folder` in diffusers' layout (default the demo model, tinyscenes)")
	c.StringVar(&c.output, "o", "out.png", "the PNG `file` to write; with -n 2 and more out-0.png, out-1.png and so on")
	c.StringVar(&o.NegativePrompt, "negative", "", "`text` that guidance leads away from")
	c.IntVar(&o.Steps, "steps", 0, fmt.Sprintf("sampling steps, 1 to 1000 (default %d for the demo model, otherwise 50)", tinyscenes.Steps))
	c.Float64Var(&o.Guidance, "guidance", 0, fmt.Sprintf("guidance scale; 1 and less turns it off (default %g for the demo model, otherwise 7.5)", tinyscenes.Guidance))
	c.Float64Var(&o.GuidanceRescale, "guidance-rescale", 0, "bring the contrast of the guided prediction back, 0 to 1 (default 0)")
	c.Uint64Var(&o.Seed, "seed", 1, "seed of the noise; the pictures of -n have this and the following ones")
	c.IntVar(&o.Width, "width", 0, "width in pixels, a multiple of 8 (default the image's or the model's)")
	c.IntVar(&o.Height, "height", 0, "height in pixels, a multiple of 8 (default the image's or the model's)")
	c.IntVar(&o.Images, "n", 1, "number of pictures")
	c.StringVar(&c.sampler, "sampler", "", "`name` of the sampler, or a label such as \"DPM++ 2M Karras\", help to list them (default what the model's scheduler_config.json says)")
	c.StringVar(&o.Schedule, "schedule", "", "`name` of the noise levels, help to list them (default what the model's scheduler_config.json says)")
	c.Float64Var(&o.Eta, "eta", 0, "fresh noise in the steps of ddim, 0 to 1 (default 0)")
	c.IntVar(&o.ClipSkip, "clip-skip", 0, "leave out the last `layers` of the text encoder, as diffusers counts: 1 takes the layer before the last (default 0)")
	c.IntVar(&o.Tile, "tile", 0, "side in `pixels` of the tiles in which the VAE works on larger pictures, a multiple of 32: less memory, a slightly different picture (default the whole)")
	c.IntVar(&o.Reuse.Interval, "reuse", 0, "compute the deep part of the U-Net in every so many `calls` only, 3 say; faster and less exact (default in every call)")
	c.Float64Var(&o.Reuse.Threshold, "step-cache", 0, "compute it only when the first layers have changed by this `share`, 0.2 say (default in every call)")
	c.IntVar(&o.Reuse.Branch, "reuse-branch", 0, "skip `branch` above which the U-Net is computed in every call; 1 is the fastest and least exact (default the whole top level)")
	c.Float64Var(&o.TokenMerging.Ratio, "merge", 0, "share of tokens to merge before self-attention, 0 to 0.75 (default 0)")
	c.IntVar(&o.TokenMerging.Levels, "merge-levels", 0, "number of `levels`, from the top, that merge tokens (default 1)")
	c.StringVar(&c.load.Variant, "variant", "", "`name` of the weight files, fp16 for model.fp16.safetensors; a part without such a file has its plain one (default the plain ones)")
	c.StringVar(&c.load.Precision, "precision", "", "float32, float16, bfloat16 or int8: how weights are kept and linear layers computed (default float32)")
	MemoryFlag(c.FlagSet, &c.load.MaxMemory, ": what does not fit is kept in fewer bits")
	c.IntVar(&c.load.Threads, "threads", 0, "goroutines that compute (default one for each processor)")
	return c
}

// Parse reads the arguments, flags before and after the prompt, and checks what
// can be checked without the model. It answers -help, -sampler help
// and -schedule help, and then returns flag.ErrHelp.
func (c *Command) Parse(args []string) error {
	words, err := c.parseAll(args)
	if errors.Is(err, flag.ErrHelp) {
		c.help()
	}
	if err != nil {
		return err
	}
	if c.sampler == "help" {
		for _, info := range sampler.Names() {
			fmt.Fprintf(c.stdout, "%-18s %s\n", info.Name, info.Description)
		}
		return flag.ErrHelp
	}
	if c.Options.Schedule == "help" {
		for _, info := range scheduler.Names() {
			fmt.Fprintf(c.stdout, "%-18s %s\n", info.Name, info.Description)
		}
		return flag.ErrHelp
	}
	given := map[string]bool{}
	c.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for _, name := range []string{"steps", "width", "height", "n", "strength", "threads", "tile"} {
		// to the library a zero means the default
		if f := c.Lookup(name); given[name] && (f.Value.String() == "0" || strings.HasPrefix(f.Value.String(), "-")) {
			return fmt.Errorf("-%s: have %s, want more than 0", name, f.Value)
		}
	}
	if given["guidance"] && c.Options.Guidance == 0 {
		c.Options.Guidance = 1 // off, as 0 is in diffusers
	}
	if given["sampler"] {
		info, schedule, err := sampler.ParseLabel(c.sampler)
		if err != nil {
			return fmt.Errorf("-sampler: %w", err)
		}
		if c.Options.Sampler, err = sampler.ByName(info.Name); err != nil {
			return fmt.Errorf("-sampler: %w", err)
		}
		c.Options.Schedule = cmp.Or(c.Options.Schedule, schedule)
	}
	if given["model"] && c.model == "" {
		return errors.New("-model: have an empty name, want a folder")
	}
	if c.model == "" {
		c.Options.Guidance = cmp.Or(c.Options.Guidance, tinyscenes.Guidance)
		c.Options.Steps = cmp.Or(c.Options.Steps, tinyscenes.Steps)
	}
	if len(words) == 0 {
		return fmt.Errorf("have no prompt, want one: %s [flags] \"a red house\" (-help lists the flags)", c.Name())
	}
	c.Prompt = strings.Join(words, " ")
	return checkOutput(c.output)
}

// parseAll parses flags wherever they stand and returns the other arguments.
// All that follows "--" is no flag.
func (c *Command) parseAll(args []string) (words []string, err error) {
	for {
		if err := c.FlagSet.Parse(args); err != nil {
			return nil, err
		}
		rest := c.Args()
		if read := len(args) - len(rest); read > 0 && args[read-1] == "--" {
			return slices.Concat(words, rest), nil
		}
		if len(rest) == 0 {
			return words, nil
		}
		words, args = append(words, rest[0]), rest[1:]
	}
}

func (c *Command) help() {
	fmt.Fprintf(c.stdout, "%s %s.\n\nUsage: %[1]s [flags] prompt\n\n", c.Name(), c.about)
	c.SetOutput(c.stdout)
	c.PrintDefaults()
}

// Load loads the model that the flags name, and prints what the model's files had
// that was not taken into account.
func (c *Command) Load() (pipe *diffusion.Pipeline, err error) {
	begin := time.Now()
	defer func() { c.loading = time.Since(begin) }()
	if c.model == "" {
		pipe, err = diffusion.LoadFS(tinyscenes.FS, &c.load)
	} else {
		pipe, err = diffusion.Load(c.model, &c.load)
	}
	if err != nil {
		return nil, err
	}
	PrintWarnings(c.stderr, c.Name(), pipe)
	return pipe, nil
}

// PrintWarnings prints a pipeline's warnings, one a line.
func PrintWarnings(w io.Writer, command string, pipe *diffusion.Pipeline) {
	for _, warning := range pipe.Warnings {
		fmt.Fprintf(w, "%s: warning: %s\n", command, oneLine(warning))
	}
}
