// Package control opens the checkpoints of networks that steer a U-Net by a picture, of a
// folder that diffusers wrote or of one file: ControlNets and T2I-Adapters.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sdgo/internal/config"
	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/internal/pyjson"
	"sdgo/internal/quote"
	"sdgo/internal/regular"
	"sdgo/safetensors/checkpoint"
)

// The classes of networks, as diffusers calls them.
const (
	ControlNet = "ControlNetModel"
	T2IAdapter = "T2IAdapter"
)

// kind is that of a component that is one of some classes.
func kind(classes []string) loader.Kind {
	return loader.Kind{Name: "control", Base: "diffusion_pytorch_model", Classes: classes}
}

// Open opens a network of one of some classes, and says of which it is: the folder or file
// called name of fsys. Variant is that of a folder's weights. Of a file in the names of
// the original code, or of diffusers' without config.json beside it, the structure is told
// from the shapes of its tensors.
func Open(ctx context.Context, fsys fs.FS, name, variant string, classes ...string) (src checkpoint.Source, class string, err error) {
	if fsys == nil {
		return nil, "", errors.New("control: have no file system to load from")
	}
	mode, err := regular.Mode(fsys, name)
	if err != nil {
		return nil, "", fmt.Errorf("control: %w", err)
	}
	if mode.IsDir() {
		src, err = loader.Open(ctx, kind(classes), fsys, name, variant)
	} else {
		src, err = openFile(ctx, fsys, name, classes)
	}
	if err != nil {
		return nil, "", err
	}
	var keys map[string]json.RawMessage
	if err = pyjson.Unmarshal(src.Config(), &keys); err == nil {
		class, err = config.Choose(keys, classes...)
	}
	if err != nil {
		src.Close()
		return nil, "", fmt.Errorf("control: %w", err)
	}
	return src, class, nil
}

// openFile opens a network in one file.
func openFile(ctx context.Context, fsys fs.FS, name string, classes []string) (checkpoint.Source, error) {
	if dir := path.Dir(name); dir != "." {
		sub, err := fs.Sub(fsys, dir)
		if err != nil {
			return nil, fmt.Errorf("control: %w", err)
		}
		fsys, name = sub, path.Base(name)
	}
	src, err := loader.OpenBeside(ctx, kind(classes), fsys, name)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return src, err
	}
	file, err := loader.OpenFile(ctx, fsys, name)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	part, _, fates, err := Find(file, name)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("control: %s: %w", name, err)
	}
	return partOfFile{part, file, unused(fates)}, nil
}

// unused are the tensors that the network does not have, and nobody knows.
func unused(fates []ldm.Fate) (names []string) {
	for _, f := range fates {
		if f.Part == "" && f.Left == "" {
			names = append(names, f.Name)
		}
	}
	return names
}

// Find finds a network among the tensors of a file, says for which models it is, and what
// becomes of each tensor.
func Find(file ldm.Tensors, name string) (part *ldm.Part, models string, fates []ldm.Fate, err error) {
	if o, _ := ldm.OtherKind(file); o.ID == "t2i-adapter" {
		part, fates, err = ldm.OpenT2IAdapter(file)
		return part, modelsOf(part), fates, err
	}
	part, family, fates, err := ldm.OpenControlNet(file)
	if err == nil && strings.Contains(strings.ToLower(path.Base(name)), shuffle) {
		part.Set(map[string]json.RawMessage{"global_pool_conditions": json.RawMessage("true")})
	}
	return part, string(family), fates, err
}

// modelsOf says for which models a T2I-Adapter is.
func modelsOf(part *ldm.Part) string {
	switch {
	case part == nil:
		return ""
	case strings.Contains(string(part.Config()), "full_adapter_xl"):
		return string(ldm.SDXL)
	}
	return string(ldm.SD1) + " or 2"
}

// shuffle is the word in the names of the files of ControlNets that tell of the whole
// picture alone, as no tensor does. A1111's extension goes by it, too.
const shuffle = "shuffle"

// partOfFile is a network whose file is open for it alone.
type partOfFile struct {
	*ldm.Part
	file   *loader.Folder
	unused []string // tensors
}

// Close closes the file.
func (p partOfFile) Close() error { return p.file.Close() }

// maxNamed is how many tensors a warning names.
const maxNamed = 5

// Warnings say what was guessed, and which tensors were left out.
func (p partOfFile) Warnings() []string {
	var warnings []string
	if guesses := p.Guesses("control"); guesses != "" {
		warnings = append(warnings, guesses)
	}
	if n := len(p.unused); n > 0 {
		named := p.unused[:min(n, maxNamed)]
		warnings = append(warnings, fmt.Sprintf("%d tensors were left out, such as %s", n, quote.Lines(named, ", ")))
	}
	return slices.Concat(warnings, p.file.Warnings())
}
