package diffusion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sdgo/clip"
	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/safetensors/checkpoint"
	"sdgo/scheduler"
)

// modelFiles are what a model is loaded from: a folder, or one file.
type modelFiles struct {
	family    ldm.Family // "" until the U-Net is looked at
	schedule  *scheduler.Config
	tokenizer *clip.Tokenizer // nil of the refiner of Stable Diffusion XL

	xl         bool // Stable Diffusion XL, of which there is a second tokenizer
	tokenizer2 *clip.Tokenizer
	zeroEmpty  bool // force_zeros_for_empty_prompt

	open     func(ctx context.Context, part string) (checkpoint.Source, error)
	warnings []string
	close    func() error // after all is loaded
}

// opener opens the files of a model.
type opener func(ctx context.Context, o *LoadOptions) (*modelFiles, error)

// openFolder opens a folder in diffusers' layout.
func openFolder(ctx context.Context, fsys fs.FS, o *LoadOptions) (*modelFiles, error) {
	x, err := readIndex(ctx, fsys, o)
	if err != nil {
		if what := describeFolder(ctx, fsys); what != "" && errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("have %s, want that of a pipeline: %w", what, err)
		}
		return nil, err
	}
	f := &modelFiles{warnings: x.warnings, close: func() error { return nil }}
	if f.schedule, err = loadScheduler(ctx, fsys, x); err != nil {
		return nil, err
	}
	if o.Prediction != "" {
		f.schedule.PredictionType = o.Prediction
	}
	for _, w := range f.schedule.Warnings {
		f.warnings = append(f.warnings, "scheduler/scheduler_config.json: "+w)
	}
	switch {
	case x.refiner() && o.Tokenizer != "":
		err = badOption("Tokenizer", "have %.80q, want none: the refiner of Stable Diffusion XL has no first text encoder", o.Tokenizer)
	case x.refiner():
	case o.Tokenizer != "":
		f.tokenizer, err = clip.LoadTokenizerContext(ctx, os.DirFS(o.Tokenizer), ".")
	default:
		f.tokenizer, err = clip.LoadTokenizerContext(ctx, fsys, "tokenizer")
	}
	if err != nil {
		return nil, err
	}
	if f.xl, f.zeroEmpty = x.xl, x.zeroEmpty; x.xl {
		if f.tokenizer2, err = clip.LoadTokenizerContext(ctx, fsys, "tokenizer_2"); err != nil {
			return nil, err
		}
	}
	if o.EMA {
		return nil, badOption("EMA", "have true, want false for a folder, whose averages over training are a variant, if it has any")
	}
	variants, err := chooseVariants(fsys, o.Variant)
	if err != nil {
		return nil, err
	}
	f.open = func(ctx context.Context, part string) (checkpoint.Source, error) {
		return loader.Open(ctx, kinds[part], fsys, part, variants[part])
	}
	return f, nil
}
