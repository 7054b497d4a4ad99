package diffusion

import (
	"context"
	"fmt"
	"os"

	"path/filepath"
	"slices"

	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/internal/regular"
	"sdgo/internal/taesd"
	"sdgo/safetensors/checkpoint"
)

// givenPart is a part that the caller names.
type givenPart struct{ part, option, path string }

// given are the parts that the caller names, in place of the model's own or beside them.
func (o *LoadOptions) given() (given []givenPart) {
	for _, g := range []givenPart{
		{"text_encoder", "TextEncoder", o.TextEncoder},
		{"text_encoder_2", "TextEncoder2", o.TextEncoder2},
		{"unet", "UNet", o.UNet},
		{"vae", "VAE", o.VAE},
	} {
		if g.path != "" {
			given = append(given, g)
		}
	}
	return given
}

// gives says whether the caller names a part.
func (o *LoadOptions) gives(part string) bool {
	for _, g := range o.given() {
		if g.part == part {
			return true
		}
	}
	return false
}

// takeGiven has the parts that the caller names take the places of the model's own.
func (f *modelFiles) takeGiven(o *LoadOptions) error {
	given := make(map[string]givenPart)
	for _, g := range o.given() {
		switch {
		case g.part == "text_encoder_2" && !f.xl:
			return badOption(g.option, "have %.80q, want none: the model has one text encoder", g.path)
		case g.part == "text_encoder" && f.tokenizer == nil:
			return badOption(g.option, "have %.80q, want none: the refiner of Stable Diffusion XL has no first text encoder", g.path)
		}
		given[g.part] = g
	}
	own := f.open
	f.open = func(ctx context.Context, part string) (checkpoint.Source, error) {
		g, ok := given[part]
		if !ok {
			return own(ctx, part)
		}
		src, err := g.open(ctx, o.Variant)
		if err != nil {
			return nil, wrong(g.option, fmt.Errorf("%s: %s: %w", words(g.option), g.path, err))
		}
		return src, nil
	}
	return nil
}

// open opens the part: the folder of one, that of a pipeline which has it, or a file.
func (g givenPart) open(ctx context.Context, variant string) (checkpoint.Source, error) {
	info, err := os.Stat(g.path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return g.openFile(ctx)
	}
	fsys, dir := os.DirFS(g.path), "."
	if _, err := regular.Mode(fsys, indexFile); err == nil {
		dir = g.part
	}
	kind := kinds[g.part]
	if have, _ := loader.Variants(fsys, dir, kind.Base); variant != "" && !slices.Contains(have, variant) {
		variant = ""
	}
	return loader.Open(ctx, kind, fsys, dir, variant)
}

// openFile opens the part of a file.
func (g givenPart) openFile(ctx context.Context) (_ checkpoint.Source, err error) {
	file, err := loader.OpenFile(ctx, os.DirFS(filepath.Dir(g.path)), filepath.Base(g.path))
	if err != nil {
		return nil, err
	}
	if g.part == ldm.VAE && taesd.Is(file) {
		return taesd.Open(ctx, os.DirFS(filepath.Dir(g.path)), filepath.Base(g.path), file)
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	m, err := ldm.Open(file)
	if err != nil {
		return nil, err
	}
	p := m.Parts[g.part]
	if p == nil {
		return nil, fmt.Errorf("this is %s, which has no %s", m.Family, g.part)
	}
	return partOfFile{p, file}, nil
}

// partOfFile is a part whose file is open for it alone.
type partOfFile struct {
	*ldm.Part
	file *loader.Folder
}

// Close closes the file.
func (p partOfFile) Close() error { return p.file.Close() }
