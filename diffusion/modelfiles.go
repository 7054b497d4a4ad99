package diffusion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sdgo/clip"
	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/safetensors/checkpoint"
	"sdgo/scheduler"
)

// origin is where a model is: a folder in diffusers' layout, or one file.
type origin struct {
	fsys fs.FS
	file string // "" for a folder
	path string // for people; "" if the file system has none
}

// originOf is that of a path.
func originOf(path string) (origin, error) {
	info, err := os.Stat(path)
	if err != nil {
		return origin{}, err
	}
	if info.IsDir() {
		return origin{os.DirFS(path), "", path}, nil
	}
	return origin{os.DirFS(filepath.Dir(path)), filepath.Base(path), path}, nil
}

// modelFiles are what a model is loaded from.
type modelFiles struct {
	identity Identity
	family   ldm.Family // "" until the U-Net is looked at
	single   *ldm.Model // nil of a folder
	probe    *probe     // nil if what is predicted is known

	schedule    *scheduler.Config
	tokenizers  [2]tokenizerFiles // the first is nil of the refiner of Stable Diffusion XL, the second of other models
	noTokenizer error             // why one of them is nowhere
	xl          bool              // Stable Diffusion XL
	class       string            // diffusers' pipeline, of a model without text
	pixels      bool              // there is no autoencoder
	zeroEmpty   bool              // force_zeros_for_empty_prompt

	imageEncoder fs.FS  // where that of a model is that reads images; nil of others
	noising      string // class of the noise of their embeddings, of Stable unCLIP; "" of others

	names  []named // that its files have for it
	taught taught

	open     func(ctx context.Context, part string) (checkpoint.Source, error)
	warnings []string
	close    func() error // after all is loaded
}

// tokenizerFiles loads a tokenizer.
type tokenizerFiles func(ctx context.Context) (*clip.Tokenizer, error)

// tokenizerIn is the tokenizer in a folder.
func tokenizerIn(fsys fs.FS, dir string) tokenizerFiles {
	return func(ctx context.Context) (*clip.Tokenizer, error) { return clip.LoadTokenizerContext(ctx, fsys, dir) }
}

// open opens the files of the model. Parts that the caller names take their places.
func (g origin) open(ctx context.Context, o *LoadOptions) (*modelFiles, error) {
	var f *modelFiles
	var err error
	if g.file == "" {
		f, err = openFolder(ctx, g.fsys, o)
	} else {
		f, err = openSingleFile(ctx, g.fsys, g.file, o)
	}
	if err != nil {
		return nil, err
	}
	if err := f.takeGiven(o); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// openFolder opens a folder in diffusers' layout.
func openFolder(ctx context.Context, fsys fs.FS, o *LoadOptions) (*modelFiles, error) {
	x, err := readIndex(ctx, fsys, o)
	if errors.Is(err, fs.ErrNotExist) && hasUNetAlone(ctx, fsys) {
		return openUNetFolder(ctx, fsys, o)
	}
	if err != nil {
		if what := describeFolder(ctx, fsys); what != "" && errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("have %s, want that of a pipeline: %w", what, err)
		}
		return nil, err
	}
	if x.textless() {
		return openTextless(ctx, fsys, x, o)
	}
	f := &modelFiles{xl: x.xl, zeroEmpty: x.zeroEmpty, warnings: x.warnings, close: func() error { return nil }}
	f.names = []named{{"_name_or_path of " + indexFile, x.name}}
	if f.taught, err = x.taught(ctx, fsys); err != nil {
		return nil, err
	}
	if f.schedule, err = loadScheduler(ctx, fsys, x); err != nil {
		return nil, err
	}
	f.identity.Prediction, f.identity.DecidedBy = f.schedule.PredictionType, schedulerFile
	if o.Prediction != "" {
		f.schedule.PredictionType = o.Prediction
		f.identity.Prediction, f.identity.DecidedBy = o.Prediction, "LoadOptions.Prediction"
	}
	for _, w := range f.schedule.Warnings {
		f.warnings = append(f.warnings, schedulerFile+": "+w)
	}
	if err := f.folderTokenizers(fsys, x, o); err != nil {
		return nil, err
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

// folderTokenizers finds the tokenizers of a folder.
func (f *modelFiles) folderTokenizers(fsys fs.FS, x *index, o *LoadOptions) error {
	if x.unclip() {
		f.imageEncoder, f.noising = fsys, x.parts[noisingFolder]
	}
	switch {
	case x.varies(fsys) && o.Tokenizer != "":
		return badOption("Tokenizer", "have %.80q, want none: the model reads images, and no text", o.Tokenizer)
	case x.varies(fsys):
		f.imageEncoder = fsys
	case x.refiner() && o.Tokenizer != "":
		return badOption("Tokenizer", "have %.80q, want none: the refiner of Stable Diffusion XL has no first text encoder", o.Tokenizer)
	case x.refiner():
	case o.Tokenizer != "":
		f.tokenizers[0] = tokenizerIn(os.DirFS(o.Tokenizer), ".")
	default:
		f.tokenizers[0] = tokenizerIn(fsys, tokenizerFolders[0])
	}
	if x.xl {
		f.tokenizers[1] = tokenizerIn(fsys, tokenizerFolders[1])
	}
	return nil
}
