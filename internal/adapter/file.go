// Package adapter reads adapters: files that say how the weights of a model change. It
// knows the kinds (LoRA, LoHa, LoKr, whole changes, norms, IA³, OFT, and DoRA of any of
// these), finds the module that each is for by the names that tools give it, and makes
// of it what a graph adds to its layers, or the changed weights themselves.
package adapter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"sdgo/internal/loader"
	"sdgo/internal/regular"
)

// File is an adapter's file, of which nothing but names and shapes was read.
type File struct {
	name    string
	tensors *loader.Folder
	modules []*module
	left    []string // tensors that are none of an adapter's
	peft    settings
}

// module is what a file has for one module, whose name is as the file spells it.
type module struct {
	name    string
	file    *File
	tensors map[role]string
}

// The names of files in a folder that is an adapter's.
var inFolder = []string{"pytorch_lora_weights.safetensors", "adapter_model.safetensors", "pytorch_lora_weights.bin", "adapter_model.bin"}

const configFile = "adapter_config.json"

// Open opens the adapter in a file of fsys, safetensors or of PyTorch, or in a folder as
// diffusers and PEFT write it.
func Open(ctx context.Context, fsys fs.FS, name string) (_ *File, err error) {
	if fsys == nil || !fs.ValidPath(name) {
		return nil, fmt.Errorf("adapter: have no file %.200q in a file system, want one", name)
	}
	f := &File{name: name}
	if mode, err := regular.Mode(fsys, name); err == nil && mode.IsDir() {
		i := slices.IndexFunc(inFolder, func(file string) bool { return exists(fsys, path.Join(name, file)) })
		if i < 0 {
			return nil, fmt.Errorf("adapter: %s: have a folder without %s", name, inFolder[0])
		}
		if config := path.Join(name, configFile); exists(fsys, config) {
			if err := loader.ReadJSON(ctx, fsys, config, &f.peft.whole); err != nil {
				return nil, fmt.Errorf("adapter: %w", err)
			}
		}
		name = path.Join(name, inFolder[i])
	}
	if f.tensors, err = loader.OpenFile(ctx, fsys, name); err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	f.group()
	if text, ok := f.tensors.Metadata()[metadataKey]; ok {
		if err := json.Unmarshal([]byte(text), &f.peft.parts); err != nil {
			f.Close()
			return nil, fmt.Errorf("adapter: %s: metadata: %s: %w", name, metadataKey, err)
		}
	}
	if len(f.modules) == 0 {
		f.Close()
		return nil, fmt.Errorf("adapter: %s: %w: have %d tensors, such as %.200q, of which none is known as one of LoRA, LoHa, LoKr, OFT, IA³, of norms or whole changes", name, ErrNone, len(f.left), first(f.left))
	}
	return f, nil
}

// ErrNone is in the error for a file that holds no adapter.
var ErrNone = errors.New("no adapter")

func exists(fsys fs.FS, name string) bool {
	mode, err := regular.Mode(fsys, name)
	return err == nil && !mode.IsDir()
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// group sorts the tensors by modules.
func (f *File) group() {
	found := make(map[string]*module)
	for _, name := range f.tensors.Names() {
		at, r := split(name)
		if r == "" {
			f.left = append(f.left, name)
			continue
		}
		m := found[at]
		if m == nil {
			m = &module{name: at, file: f, tensors: make(map[role]string)}
			found[at] = m
			f.modules = append(f.modules, m)
		}
		m.tensors[r] = name
	}
	f.modules = slices.DeleteFunc(f.modules, func(m *module) bool {
		if m.kind() != nil {
			return false
		}
		for _, name := range m.tensors {
			f.left = append(f.left, name)
		}
		return true
	})
	slices.Sort(f.left)
}

// Close closes the file.
func (f *File) Close() error { return f.tensors.Close() }
