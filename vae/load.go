package vae

import (
	"context"
	"io/fs"
	"os"

	"sdgo/internal/loader"
	"sdgo/internal/model"
	"sdgo/safetensors/checkpoint"
)

// LoadOptions say how a VAE is loaded and run. The zero value is the default.
type LoadOptions struct {
	// Variant names the weight files of a folder, as in
	// diffusion_pytorch_model.fp16.safetensors for "fp16". Empty means the files without a
	// variant.
	Variant string
	// Precision is how weights are kept and what the factors of linear layers are:
	// float32, float16, bfloat16 or int8. Empty means float32. See
	// diffusion.LoadOptions.
	Precision string
	// Weights is the type in which weights are kept in memory. Empty means that of the
	// checkpoint. See diffusion.LoadOptions.
	Weights string
	// Threads is the number of goroutines of a run. Zero means GOMAXPROCS.
	Threads int
	// MaxMemory limits the bytes of weights and intermediate values. Zero means the
	// memory of the machine or its container. Calls wait for it by order of arrival.
	MaxMemory int64
}

// Load loads the VAE in a folder with config.json and weights in safetensors, as
// diffusers writes it, or in .bin files of PyTorch where there are none. Options may be nil.
func Load(dir string, o *LoadOptions) (*VAE, error) { return LoadFS(os.DirFS(dir), ".", o) }

// LoadContext is [Load] that returns ctx's error soon after ctx is done.
func LoadContext(ctx context.Context, dir string, o *LoadOptions) (*VAE, error) {
	return LoadFSContext(ctx, os.DirFS(dir), ".", o)
}

// LoadFS loads the VAE in the folder dir of fsys. Options may be nil.
func LoadFS(fsys fs.FS, dir string, o *LoadOptions) (*VAE, error) {
	return LoadFSContext(context.Background(), fsys, dir, o)
}

// LoadFSContext is [LoadFS] that returns ctx's error soon after ctx is done.
func LoadFSContext(ctx context.Context, fsys fs.FS, dir string, o *LoadOptions) (*VAE, error) {
	variant := ""
	if o != nil {
		variant = o.Variant
	}
	src, err := Open(ctx, fsys, dir, variant)
	if err != nil {
		return nil, err
	}
	return LoadFrom(ctx, src, o)
}

// Open opens the checkpoint of a VAE in the folder dir of fsys, for [LoadFrom], or a
// [checkpoint.Overlay] between the two. Variant is that of LoadOptions.
func Open(ctx context.Context, fsys fs.FS, dir, variant string) (checkpoint.Source, error) {
	return loader.Open(ctx, loader.VAE, fsys, dir, variant)
}

// LoadFrom loads a VAE from a checkpoint, which it closes, and returns ctx's error
// soon after ctx is done. Options may be nil; their Variant has no effect.
func LoadFrom(ctx context.Context, src checkpoint.Source, o *LoadOptions) (*VAE, error) {
	if o == nil {
		o = &LoadOptions{}
	}
	v := &VAE{}
	m, err := model.Load(ctx, "vae", src, model.LoadOptions(*o), v.define)
	if err != nil {
		return nil, err
	}
	v.model = m
	v.Config.Warnings = append(v.Config.Warnings, m.Warnings()...)
	return v, nil
}

func init() {
	model.Inside(func(v *VAE) *model.Model { return v.model })
}
