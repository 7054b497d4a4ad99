// Command customsampler draws with the demo model and a sampler of its own. It is
// a module of its own, as a user's program is:
//
//	cd examples/customsampler
//	go run . "a red house on a green hill under a yellow sun" -o out.png
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"io"
	"os"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "customsampler:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("customsampler", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are returned, and printed once
	flags.Usage = func() {
		fmt.Println("Usage: customsampler [flags] [prompt] [flags]")
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
	}
	output := flags.String("o", "out.png", "the PNG `file` to write")
	steps := flags.Int("steps", tinyscenes.Steps, "sampling steps")
	seed := flags.Uint64("seed", 1, "seed of the noise")
	if err := flags.Parse(args); err != nil {
		return err
	}
	prompt := "a red house on a green hill under a yellow sun"
	if flags.NArg() > 0 {
		prompt = flags.Arg(0)
		if err := flags.Parse(flags.Args()[1:]); err != nil {
			return err
		}
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("have an argument %q after the prompt, want one prompt in quotes", flags.Arg(0))
	}
	if *steps < 1 {
		return fmt.Errorf("-steps: have %d, want 1 or more", *steps)
	}

	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	if err != nil {
		return err
	}
	defer pipe.Close()
	result, err := pipe.TextToImage(ctx, prompt, &diffusion.Options{
		Steps:    *steps,
		Guidance: tinyscenes.Guidance,
		Seed:     *seed,
		Sampler:  multistep{},
	})
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, result.Images[0]); err != nil {
		return err
	}
	return os.WriteFile(*output, b.Bytes(), 0o666)
}
