// Package inversion reads files of textual inversions (Gal et al. 2022): vectors that
// stand in prompts for a new word. Of a file of PyTorch nothing is executed.
//
//	string_to_param.*             [n D]  of the authors and of WebUI (.pt), which name it too
//	emb_params                    [n D]  of WebUI and kohya's scripts (safetensors)
//	the word itself               [D] or [n D], of diffusers (learned_embeds.safetensors, .bin)
//	clip_l, clip_g                [n D] each, of Stable Diffusion XL; one may be alone
//	a tensor alone                [D] or [n D] (.pt, .bin)
//	a picture of WebUI's          PNG with a text, or PNG and WebP with the text in its pixels
//
// https://arxiv.org/abs/2208.01618
package inversion

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"

	"sdgo/internal/loader"
	"sdgo/internal/quote"
	"sdgo/internal/regular"
)

// What a text encoder reads: whichever has the width, or the first or second one of
// Stable Diffusion XL.
const (
	Any    = ""
	First  = "clip_l"
	Second = "clip_g"
)

// File is what a file holds.
type File struct {
	// Name is the word, or empty if the file does not say.
	Name string
	// Vectors are for text encoders: each list has one or more vectors of one length.
	Vectors map[string][][]float32
	// Warnings are what was left out, one sentence each.
	Warnings []string
}

// Limits of what is read. A text encoder reads 75 tokens, and the widest of published
// models has 1280 numbers for each.
const (
	MaxVectors = 1 << 10
	MaxWidth   = 1 << 12
	maxName    = 1 << 10 // bytes
)

// learned are the files of diffusers in a folder.
var learned = []string{"learned_embeds.safetensors", "learned_embeds.bin"}

// Read reads a file of fsys, or that of diffusers in a folder. Errors name the file.
func Read(ctx context.Context, fsys fs.FS, name string) (*File, error) {
	mode, err := regular.Mode(fsys, name)
	if err != nil {
		return nil, err
	}
	if mode.IsDir() {
		if name, err = inFolder(fsys, name); err != nil {
			return nil, err
		}
	}
	f, err := read(ctx, fsys, name)
	if err != nil {
		return nil, err
	}
	if len(f.Name) > maxName {
		return nil, fmt.Errorf("%s: have a name of %d bytes, want at most %d", name, len(f.Name), maxName)
	}
	for part, vectors := range f.Vectors {
		for i, v := range vectors {
			for _, x := range v {
				if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
					return nil, fmt.Errorf("%s: %svector %d: have %v, want finite numbers", name, place(part), i, x)
				}
			}
		}
	}
	return f, nil
}

// place names what vectors are for in messages.
func place(part string) string {
	if part == Any {
		return ""
	}
	return part + ": "
}

// inFolder is the file in a folder.
func inFolder(fsys fs.FS, dir string) (string, error) {
	for _, file := range learned {
		if mode, err := regular.Mode(fsys, path.Join(dir, file)); err == nil && mode.IsRegular() {
			return path.Join(dir, file), nil
		}
	}
	return "", fmt.Errorf("%s: have a folder, want one with %s", dir, strings.Join(learned, " or "))
}

// read reads a file by its kind.
func read(ctx context.Context, fsys fs.FS, name string) (*File, error) {
	switch strings.ToLower(path.Ext(name)) {
	case ".png", ".webp":
		return readPicture(ctx, fsys, name)
	}
	file, err := loader.OpenFile(ctx, fsys, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	f := &File{Vectors: make(map[string][][]float32)}
	parts, err := f.find(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for part, tensor := range parts {
		if f.Vectors[part], err = vectors(file, tensor); err != nil {
			return nil, fmt.Errorf("%s: %s%w", name, place(part), err)
		}
	}
	if err := file.Changed(); err != nil {
		return nil, err
	}
	return f, nil
}

// Tensors are the tensors of a file that the text encoders get, by the names of these.
func Tensors(file *loader.Folder) (map[string]string, error) { return new(File).find(file) }

// param is where the authors' files have the vectors.
const param = "string_to_param"

// pairs are the names of the two text encoders' vectors.
var pairs = map[string]string{First: First, Second: Second, "text_encoders_0": First, "text_encoders_1": Second}

// find finds the tensors for text encoders, and the name.
func (f *File) find(file *loader.Folder) (parts map[string]string, err error) {
	names := file.Names()
	parts = make(map[string]string)
	var params, others []string
	for _, name := range names {
		switch part, ok := pairs[name]; {
		case ok && parts[part] == "":
			parts[part] = name
		case strings.HasPrefix(name, param+"."):
			params = append(params, name)
		case strings.HasPrefix(name, "string_to_token."): // of which word it took the place
		default:
			others = append(others, name)
		}
	}
	switch {
	case len(params) == 1 && len(parts) == 0:
		parts[Any] = params[0]
		f.Name = file.Metadata()["name"]
	case len(params) > 0:
		return nil, fmt.Errorf("have %d words in %s, want one", len(params), param)
	case len(parts) == 0 && len(others) == 1:
		parts[Any] = others[0]
		if f.Name = others[0]; f.Name == "emb_params" {
			f.Name = ""
		}
		others = nil
	case len(parts) == 0:
		return nil, fmt.Errorf("have %d tensors, such as %s: want a textual inversion, which has one for its word", len(names), quote.Lines(names[:min(len(names), 5)], ", "))
	}
	if len(others) > 0 {
		slices.Sort(others)
		f.Warnings = append(f.Warnings, fmt.Sprintf("%d tensors were left out, such as %.200s", len(others), others[0]))
	}
	return parts, nil
}

// vectors reads a tensor [D] or [n D].
func vectors(file *loader.Folder, name string) ([][]float32, error) {
	shape, dtype, _ := file.Tensor(name)
	if len(shape) == 1 {
		shape = []int{1, shape[0]}
	}
	if len(shape) != 2 || shape[0] < 1 || shape[0] > MaxVectors || shape[1] < 1 || shape[1] > MaxWidth {
		return nil, fmt.Errorf("have a tensor of shape %v, want [n D] or [D], for 1 to %d vectors of at most %d numbers", shape, MaxVectors, MaxWidth)
	}
	if !strings.Contains(dtype, "F") {
		return nil, fmt.Errorf("have numbers of type %s, want floating point", dtype)
	}
	all := make([]float32, shape[0]*shape[1])
	if err := file.Float32s(name, 0, all); err != nil {
		return nil, err
	}
	return slices.Collect(slices.Chunk(all, shape[1])), nil
}
