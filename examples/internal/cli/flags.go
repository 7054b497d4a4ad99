package cli

import (
	"context"
	"flag"
	"fmt"
	"image"
	"io"
	"os"
	"time"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
)

// maxPictures is the most pictures that a call makes.
const maxPictures = 1024

// Command is an example command: the flags that all of them have, and what they
// were set to. A command adds its own flags before it calls Parse.
type Command struct {
	*flag.FlagSet
	Prompt   string
	Options  diffusion.Options
	Stdin    io.Reader // where the prompt - is read
	Examples []string  // what may stand behind the name, a line each

	model, output  string
	sampler        string   // help, or a name
	guider         string   // help, or the text of one
	random         bool     // the seed
	required       []string // flags
	wordless       bool     // there is no prompt
	more           more
	settings       *diffusion.Parameters // of -from
	varies         string                // a flag
	load           diffusion.LoadOptions
	adapters       Adapters
	embeddings     []embedding
	controls       controls
	controlImage   image.Image // of those without one; may be nil
	imagePrompts   []imagePrompt
	regions        []region
	about          string
	common         map[string]bool // flags that all examples have
	describe       func(*flag.FlagSet)
	stdout, stderr io.Writer
	progress       *progress
	loading        time.Duration
}

// New returns a command with the flags that all examples have.
func New(name, about string, stdout, stderr io.Writer) *Command {
	c := &Command{
		FlagSet: flag.NewFlagSet(name, flag.ContinueOnError),
		Stdin:   os.Stdin,
		about:   about, stdout: stdout, stderr: stderr,
		progress: newProgress(stderr),
	}
	c.Options.OnStep = c.progress.step

	o := &c.Options
	c.StringVar(&c.model, "model", "", "the model's `path`: a folder in diffusers' layout, or one file (default the demo model, tinyscenes)")
	c.StringVar(&c.output, "o", "out.png", "the PNG `file` to write, or - for standard output; with -n 2 and more out-0.png, out-1.png and so on")
	c.StringVar(&o.NegativePrompt, "negative", "", "`text` that guidance leads away from")
	c.StringVar(&o.Prompt2, "prompt2", "", "`text` for the second text encoder of Stable Diffusion XL (default the prompt)")
	c.StringVar(&o.NegativePrompt2, "negative2", "", "`text` for the second text encoder that guidance leads away from (default that of -negative)")
	c.IntVar(&o.Steps, "steps", 0, fmt.Sprintf("sampling steps, 1 to 1000 (default %d for the demo model, 50 for others, or the few that the model was trained for)", tinyscenes.Steps))
	c.Float64Var(&o.Guidance, "guidance", 0, fmt.Sprintf("guidance scale; 1 and less turns it off (default %g for the demo model, 5 for Stable Diffusion XL, 7.5 for others, or what a model for few steps was trained for)", tinyscenes.Guidance))
	c.Float64Var(&o.GuidanceRescale, "guidance-rescale", 0, "bring the contrast of the guided prediction back, 0 to 1 (default 0)")
	guidanceFlags(c.FlagSet, o, &c.guider)
	o.Seed = 1
	c.Var(seedFlag{&o.Seed, &c.random}, "seed", "`seed` of the noise, or -1 for a random one; the pictures of -n have this and the following ones")
	c.IntVar(&o.Width, "width", 0, "width in pixels, a multiple of 8 (default the image's or the model's)")
	c.IntVar(&o.Height, "height", 0, "height in pixels, a multiple of 8 (default the image's or the model's)")
	c.IntVar(&o.Images, "n", 1, "number of pictures")
	c.StringVar(&c.sampler, "sampler", "", "`name` of the sampler, or a label such as \"DPM++ 2M Karras\", help to list them (default what the model's scheduler_config.json says)")
	c.StringVar(&o.Schedule, "schedule", "", "`name` of the noise levels, help to list them (default what the model's scheduler_config.json says)")
	c.Float64Var(&o.Eta, "eta", 0, "fresh noise in the steps of ddim, 0 to 1 (default 0)")
	c.IntVar(&o.ClipSkip, "clip-skip", 0, "leave out the last `layers` of the text encoder, as diffusers counts: 1 takes the layer before the last (default 0)")
	c.IntVar(&o.Tile, "tile", 0, "side in `pixels` of the tiles in which the VAE works on larger pictures, a multiple of 32: less memory, a slightly different picture (default the whole)")
	c.BoolVar(&o.TileExact, "tile-exact", false, "make of tiles what gives exactly the picture of the whole, in more time and memory than other tiles take")
	c.IntVar(&o.Reuse.Interval, "reuse", 0, "compute the deep part of the U-Net in every so many `calls` only, 3 say; faster and less exact (default in every call)")
	c.Float64Var(&o.Reuse.Threshold, "step-cache", 0, "compute that part only when the output of the first layers has changed by this `share`, 0.2 say (default in every call)")
	c.IntVar(&o.Reuse.Branch, "reuse-branch", 0, "skip `branch` above which the U-Net is computed in every call; 1 is the fastest and least exact (default the whole top level)")
	c.Float64Var(&o.TokenMerging.Ratio, "merge", 0, "share of tokens to merge before self-attention, 0 to 0.75 (default 0)")
	c.IntVar(&o.TokenMerging.Levels, "merge-levels", 0, "number of `levels`, from the top, that merge tokens (default 1)")
	c.StringVar(&c.load.Variant, "variant", "", "`name` of the weight files, fp16 for model.fp16.safetensors; a part without such a file has its plain one (default the plain ones)")
	c.StringVar(&c.load.Tokenizer, "tokenizer", "", "`folder` of a tokenizer in place of the model's (default the model's; of a model in one file the folder tokenizer beside it, or OpenAI's vocabulary)")
	PartFlags(c.FlagSet, &c.load)
	c.adapters.Flag(c.FlagSet)
	embeddingFlag(c.FlagSet, &c.embeddings)
	c.controls.flags(c.FlagSet)
	imagePromptFlags(c.FlagSet, &c.imagePrompts)
	safetyFlag(c.FlagSet, &c.load)
	syntaxFlag(c.FlagSet, &o.Syntax)
	c.regionFlags()
	c.StringVar(&c.load.Prediction, "prediction", "", "what the model predicts, `kind` epsilon or v_prediction (default what its files say)")
	c.StringVar(&c.load.Precision, "precision", "", "float32, float16, bfloat16 or int8: how weights are kept and linear layers computed (default float32)")
	WeightsFlag(c.FlagSet, &c.load.Weights)
	c.StringVar(&c.load.Cache, "cache", "", "`folder` for weights as they are in memory, so that the model is loaded sooner the next time (default none)")
	DeviceFlag(c.FlagSet, &c.load.Device)
	MemoryFlag(c.FlagSet, &c.load.MaxMemory, ": what does not fit is kept in fewer bits")
	c.IntVar(&c.load.Threads, "threads", 0, "goroutines that compute (default one for each processor)")
	c.BoolVar(&c.progress.quiet, "quiet", false, "show no progress and no summary; notes, warnings and errors remain")
	c.moreFlags()
	c.common = map[string]bool{}
	c.VisitAll(func(f *flag.Flag) { c.common[f.Name] = true })
	return c
}

// File adds a flag for a file that must be given.
func (c *Command) File(name, usage string) *string {
	c.required = append(c.required, name)
	return c.String(name, "", usage)
}

// Load loads the model that the flags name, and prints what the model's files had
// that was not taken into account.
func (c *Command) Load(ctx context.Context) (pipe *diffusion.Pipeline, err error) {
	if err := c.loadRegions(ctx); err != nil {
		return nil, err
	}
	if err := c.controls.read(ctx, c.controlImage); err != nil {
		return nil, err
	}
	begin := time.Now()
	defer func() {
		c.progress.since = time.Now()
		c.loading = c.progress.since.Sub(begin)
	}()
	if c.model == "" {
		pipe, err = diffusion.LoadFSContext(ctx, tinyscenes.FS, &c.load)
	} else {
		pipe, err = diffusion.LoadContext(ctx, c.model, &c.load)
	}
	if err != nil {
		return nil, err
	}
	PrintWarnings(c.stderr, c.Name(), pipe)
	if err := c.loadEmbeddings(ctx, pipe); err != nil {
		pipe.Close()
		return nil, err
	}
	if c.Options.Adapters, err = c.adapters.Load(ctx, pipe, c.Name(), c.stderr); err != nil {
		pipe.Close()
		return nil, err
	}
	if c.Options.Controls, err = c.controls.load(ctx, pipe, c.Name(), c.stderr); err != nil {
		pipe.Close()
		return nil, err
	}
	if err := c.loadImagePrompts(ctx, pipe); err != nil {
		pipe.Close()
		return nil, err
	}
	c.noteDefaults(pipe)
	return pipe, nil
}

// PrintWarnings prints a pipeline's warnings, one a line.
func PrintWarnings(w io.Writer, command string, pipe *diffusion.Pipeline) {
	for _, warning := range pipe.Warnings {
		PrintWarning(w, command, warning)
	}
}

// PrintWarning prints a warning as one line.
func PrintWarning(w io.Writer, command, warning string) {
	fmt.Fprintf(w, "%s: warning: %s\n", command, OneLine(warning))
}
