package loader

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"sdgo/internal/quote"
	"sdgo/internal/regular"
)

// listing is what a component's folder holds of weights.
type listing struct {
	base    string
	files   map[string][]string // variant to files and indexes
	pickles map[string][]string // the same of pickles
	other   []string            // weight files of other formats
}

// list looks through a component's folder.
func list(fsys fs.FS, dir, base string) (*listing, error) {
	entries, err := regular.ReadDir(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("loader: %w", err)
	}
	l := &listing{base: base, files: make(map[string][]string), pickles: make(map[string][]string)}
	for _, e := range entries {
		name := e.Name() // opening refuses what is no file
		if variant, ok := variantOf(name, base, safetensorsExt); ok {
			l.files[variant] = append(l.files[variant], name)
			continue
		}
		if variant, ok := variantOf(name, pickleBase(base), pickleExt); ok {
			l.pickles[variant] = append(l.pickles[variant], name)
			continue
		}
		if e.IsDir() {
			continue
		}
		switch path.Ext(name) {
		case ".bin", ".ckpt", ".pt", ".pth", ".onnx", ".msgpack", ".h5", ".gguf":
			l.other = append(l.other, name)
		}
	}
	return l, nil
}

// The extensions of weight files.
const (
	safetensorsExt = "safetensors"
	pickleExt      = "bin"
)

// pickleBase returns the base of the names of pickles.
func pickleBase(base string) string {
	if base == transformers {
		return "pytorch_model"
	}
	return base
}

// pickled tells whether a weight file or index is of pickles.
func pickled(name string) bool {
	return !strings.Contains(name, "."+safetensorsExt) && (strings.HasSuffix(name, "."+pickleExt) || strings.Contains(name, "."+pickleExt+"."))
}

// variantOf takes the name of a weight file or index apart. Of the numbered
// shards it knows nothing: only an index leads to them.
func variantOf(name, base, ext string) (variant string, ok bool) {
	rest, ok := strings.CutPrefix(name, base+".")
	if !ok || strings.Contains(rest, "-of-") {
		return "", false
	}
	for _, form := range []struct{ before, after string }{
		{"", ext}, {ext + ".index.", "json"}, {"", ext + ".index.json"}, {ext + ".", "index.json"},
	} {
		v, ok := strings.CutPrefix(rest, form.before)
		if !ok {
			continue
		}
		if v == form.after {
			return "", true
		}
		if v, ok = strings.CutSuffix(v, "."+form.after); ok {
			return v, true
		}
	}
	return "", false
}

// choose returns the files and indexes of a variant, the one to be taken first.
func (l *listing) choose(variant string) ([]string, error) {
	for _, files := range []map[string][]string{l.files, l.pickles} {
		have := files[variant]
		if have == nil && variant == "" && len(files) == 1 {
			for _, have = range files {
			}
		}
		if have != nil {
			return slices.SortedFunc(slices.Values(have), func(a, b string) int { return cmp.Compare(l.rank(a), l.rank(b)) }), nil
		}
	}
	want := l.base + ".safetensors"
	if variant != "" {
		want = l.base + "." + variant + ".safetensors"
	}
	names := slices.Concat(append(slices.Collect(maps.Values(l.files)), slices.Collect(maps.Values(l.pickles))...)...)
	slices.Sort(names)
	switch {
	case len(names) > 0:
		return nil, fmt.Errorf("no %s, have %s", want, quote.Lines(names, ", "))
	case len(l.other) > 0:
		return nil, fmt.Errorf("no %s, have %s: safetensors files are read, and %s.bin", want, quote.Lines(l.other, ", "), pickleBase(l.base))
	}
	return nil, fmt.Errorf("no %s and no index of its shards: %w", want, fs.ErrNotExist)
}

// rank orders the files of a variant: an index goes before a single file, as in
// diffusers, but after it for models of transformers. Of the names that an index may
// have, that of today goes first.
func (l *listing) rank(name string) int {
	switch {
	case !strings.HasSuffix(name, ".json"):
		if l.base == transformers {
			return 0
		}
		return 4
	case strings.HasPrefix(name, l.base+"."+safetensorsExt+".index."), strings.HasPrefix(name, pickleBase(l.base)+"."+pickleExt+".index."):
		return 1
	case strings.HasSuffix(name, "."+safetensorsExt+".index.json"), strings.HasSuffix(name, "."+pickleExt+".index.json"):
		return 2
	}
	return 3
}

// Variants returns the variants of the weights in a component's folder, sorted; "" is
// that of the plain files.
func Variants(fsys fs.FS, dir, base string) ([]string, error) {
	l, err := list(fsys, dir, base)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(l.files)
	maps.Copy(all, l.pickles)
	return slices.Sorted(maps.Keys(all)), nil
}
