// Command convert writes a model in another layout: a folder as diffusers has them, one file
// as the original code and most other tools have it, or GGUF for stable-diffusion.cpp.
//
//	convert -dtype f16 MODEL model.safetensors
//	convert model.safetensors FOLDER
//	convert -dtype q8_0 MODEL model.gguf
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
)

func main() { cli.Program("convert", run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("convert", flag.ContinueOnError)
	var load diffusion.LoadOptions
	var save diffusion.SaveOptions
	f.StringVar(&save.DType, "dtype", "", "`type` of the tensors: f32, f16 or bf16; for GGUF also q8_0, q4_0 and others, which matrices have whose rows are whole blocks (default that of each tensor)")
	f.BoolVar(&save.Replace, "force", false, "replace the model that is at OUT")
	f.StringVar(&load.Variant, "variant", "", "`name` of the weight files of a folder, fp16 for model.fp16.safetensors (default the plain ones)")
	f.StringVar(&load.Tokenizer, "tokenizer", "", "`folder` of a tokenizer in place of the model's (default the model's)")
	f.StringVar(&load.Prediction, "prediction", "", "what the model predicts, `kind` epsilon or v_prediction (default what its files say)")
	cli.PartFlags(f, &load)
	cli.MergeFlag(f, &save.Merge)
	quiet := f.Bool("quiet", false, "show no progress; warnings and errors remain")
	words, err := cli.ParseFlags(f, args)
	if errors.Is(err, flag.ErrHelp) {
		cli.Help(stdout, f, "writes a model in another layout: OUT is a folder in diffusers' layout, or one file if it ends in .safetensors or .gguf", "[flags] IN OUT")
	}
	if err != nil {
		return err
	}
	if len(words) != 2 {
		return cli.Misuse(fmt.Errorf("have %d arguments, want two: the model, and the folder or file to write", len(words)))
	}

	amount := cli.NewAmount(stderr, *quiet)
	save.OnProgress = amount.Show
	save.OnWarning = func(warning string) { cli.PrintWarning(stderr, "convert", warning) }
	err = diffusion.Convert(ctx, words[0], words[1], &load, &save)
	amount.Clear(err != nil && ctx.Err() != nil)
	return err
}
