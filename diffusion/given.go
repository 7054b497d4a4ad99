package diffusion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/internal/regular"
	"sdgo/internal/taesd"
	"sdgo/safetensors/checkpoint"
	"sdgo/unet"
)

// givenPart is a part that the caller names.
type givenPart struct{ part, option, path string }

// part says what the caller names for a part; the path is empty if nothing.
func (o *LoadOptions) part(part string) givenPart {
	switch part {
	case ldm.TextEncoder:
		return givenPart{part, "TextEncoder", o.TextEncoder}
	case ldm.TextEncoder2:
		return givenPart{part, "TextEncoder2", o.TextEncoder2}
	case ldm.UNet:
		return givenPart{part, "UNet", o.UNet}
	case ldm.VAE:
		return givenPart{part, "VAE", o.VAE}
	}
	return givenPart{part: part}
}

// given are the parts that the caller names, in place of the model's own or beside them.
func (o *LoadOptions) given() (given []givenPart) {
	for _, part := range []string{ldm.TextEncoder, ldm.TextEncoder2, ldm.UNet, ldm.VAE} {
		if g := o.part(part); g.path != "" {
			given = append(given, g)
		}
	}
	return given
}

// gives says whether the caller names a part.
func (o *LoadOptions) gives(part string) bool { return o.part(part).path != "" }

// takeGiven has the parts that the caller names take the places of the model's own.
func (f *modelFiles) takeGiven(o *LoadOptions) error {
	given := make(map[string]givenPart)
	for _, g := range o.given() {
		switch {
		case g.part == ldm.TextEncoder2 && !f.xl:
			return badOption(g.option, "have %.80q, want none: the model has one text encoder", g.path)
		case g.part == ldm.TextEncoder && f.imageEncoder != nil && f.tokenizers[0] == nil:
			return badOption(g.option, "have %.80q, want none: the model reads images, and no text", g.path)
		case g.part == ldm.TextEncoder && f.tokenizers[0] == nil:
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
		src, err := f.openGiven(ctx, g, o)
		if err != nil {
			return nil, wrong(g.option, fmt.Errorf("%s: %s: %w", words(g.option), g.path, err))
		}
		if p, ok := src.(partOfFile); ok {
			f.warnGuesses(g, p)
		}
		return src, nil
	}
	return nil
}

// openGiven opens a part that the caller names.
func (f *modelFiles) openGiven(ctx context.Context, g givenPart, o *LoadOptions) (checkpoint.Source, error) {
	if f.family == "" && g.part != ldm.UNet {
		u, err := f.open(ctx, ldm.UNet) // own, or given
		if err != nil {
			return nil, err
		}
		f.family = familyOf(u.Config())
		if err := u.Close(); err != nil {
			return nil, err
		}
	}
	return g.open(ctx, f.family, o.Variant)
}

// open opens the part, for a model of a family: the folder of one, that of a pipeline
// which has it, or a file.
func (g givenPart) open(ctx context.Context, family ldm.Family, variant string) (checkpoint.Source, error) {
	info, err := os.Stat(g.path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return g.openFile(ctx, family)
	}
	fsys, dir := os.DirFS(g.path), "."
	if _, err := regular.Mode(fsys, indexFile); err == nil {
		dir = g.part
	}
	kind := givenKinds[g.part]
	return loader.Open(ctx, kind, fsys, dir, variantIn(fsys, dir, kind, variant))
}

// openFile opens the part of a file: with the configuration beside it, if it has the name
// that diffusers gives the weights of such a part, and else by names and shapes.
func (g givenPart) openFile(ctx context.Context, family ldm.Family) (checkpoint.Source, error) {
	fsys, name := os.DirFS(filepath.Dir(g.path)), filepath.Base(g.path)
	src, err := loader.OpenBeside(ctx, givenKinds[g.part], fsys, name)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return src, err
	}
	file, err := loader.OpenFile(ctx, fsys, name)
	if err != nil {
		return nil, err
	}
	if g.part == ldm.VAE && taesd.Is(file) {
		return taesd.Open(ctx, fsys, name, file)
	}
	p, _, _, err := ldm.OpenPart(file, g.part, family)
	if err == nil {
		err = g.configure(ctx, fsys, name, p, file)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return partOfFile{p, file}, nil
}

// configure changes the configuration of the part by what the file or one beside it says.
func (g givenPart) configure(ctx context.Context, fsys fs.FS, name string, p *ldm.Part, file *loader.Folder) error {
	beside, err := readBeside(ctx, fsys, name)
	if err != nil {
		return err
	}
	if err := beside.readMetadata(name, file.Metadata()); err != nil {
		return err
	}
	p.Set(beside.keys[g.part])
	return nil
}

// partOfFile is a part whose file is open for it alone.
type partOfFile struct {
	*ldm.Part
	file *loader.Folder
}

// warnGuesses warns once of what was guessed of a part, which may be opened again.
func (f *modelFiles) warnGuesses(g givenPart, p partOfFile) {
	guesses := p.Guesses(g.part)
	if w := g.path + ": " + guesses; guesses != "" && !slices.Contains(f.warnings, w) {
		f.warnings = append(f.warnings, w)
	}
}

// Close closes the file.
func (p partOfFile) Close() error { return p.file.Close() }

// familyOf tells the family of a U-Net by its configuration.
func familyOf(config []byte) ldm.Family {
	c, err := unet.ParseConfig(config)
	if err != nil {
		return "" // loading says what is wrong
	}
	return familyOfUNet(&c)
}

// familyOfUNet tells the family of a U-Net by its structure.
func familyOfUNet(c *unet.Config) ldm.Family {
	width := c.CrossAttentionDim.At(0)
	switch {
	case c.AdditionEmbedType != nil && width == 1280:
		return ldm.SDXLRefiner
	case c.AdditionEmbedType != nil:
		return ldm.SDXL
	case width == 1024, width != 768 && c.UseLinearProjection:
		return ldm.SD2
	}
	return ldm.SD1
}

// openLDM opens a model in one file, or as much of it as the caller does not name.
func openLDM(ctx context.Context, file ldm.Tensors, o *LoadOptions) (*ldm.Model, error) {
	options := ldm.Options{EMA: o.EMA}
	for _, g := range o.given() {
		options.Given = append(options.Given, g.part)
		if g.part != ldm.UNet {
			continue
		}
		u, err := g.open(ctx, "", o.Variant)
		if err != nil {
			return nil, wrong(g.option, fmt.Errorf("%s: %s: %w", words(g.option), g.path, err))
		}
		options.Family = familyOf(u.Config())
		if err := u.Close(); err != nil {
			return nil, err
		}
	}
	m, err := ldm.OpenWith(file, options)
	var incomplete *ldm.Incomplete
	switch {
	case errors.Is(err, ldm.ErrNoAverages):
		return nil, wrong("EMA", err)
	case errors.As(err, &incomplete):
		return nil, fmt.Errorf("%w, or %s", err, howToGive(incomplete))
	}
	return m, err
}

// howToGive says how the parts that are missing can be given.
func howToGive(e *ldm.Incomplete) string {
	missing := e.Missing
	if e.Family == "" {
		missing = []string{ldm.UNet}
	}
	var ways []string
	for _, part := range missing {
		ways = append(ways, fmt.Sprintf("a %s in %s", ldm.Title(part), waysToGive[part]))
	}
	return strings.Join(ways, " and ")
}

// waysToGive are how the caller names parts.
var waysToGive = map[string]string{
	ldm.UNet: "LoadOptions.UNet (-unet)", ldm.VAE: "LoadOptions.VAE (-vae)",
	ldm.TextEncoder: "LoadOptions.TextEncoder (-text-encoder)", ldm.TextEncoder2: "LoadOptions.TextEncoder2 (-text-encoder-2)",
}
