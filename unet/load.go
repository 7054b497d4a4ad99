package unet

import (
	"context"
	"io/fs"
	"os"

	"sdgo/internal/loader"
	"sdgo/internal/model"
	"sdgo/safetensors/checkpoint"
)

// LoadOptions say how a U-Net is loaded and run. The zero value is the default.
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

// Load loads the U-Net in a folder with config.json and weights in safetensors,
// as diffusers writes it, or in .bin files of PyTorch where there are none. Options may be nil.
func Load(dir string, o *LoadOptions) (*UNet, error) { return LoadFS(os.DirFS(dir), ".", o) }

// LoadContext is [Load] that returns ctx's error soon after ctx is done.
func LoadContext(ctx context.Context, dir string, o *LoadOptions) (*UNet, error) {
	return LoadFSContext(ctx, os.DirFS(dir), ".", o)
}

// LoadFS loads the U-Net in the folder dir of fsys. Options may be nil.
func LoadFS(fsys fs.FS, dir string, o *LoadOptions) (*UNet, error) {
	return LoadFSContext(context.Background(), fsys, dir, o)
}

// LoadFSContext is [LoadFS] that returns ctx's error soon after ctx is done.
func LoadFSContext(ctx context.Context, fsys fs.FS, dir string, o *LoadOptions) (*UNet, error) {
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

// Open opens the checkpoint of a U-Net in the folder dir of fsys, for [LoadFrom], or a
// [checkpoint.Overlay] between the two. Variant is that of LoadOptions.
func Open(ctx context.Context, fsys fs.FS, dir, variant string) (checkpoint.Source, error) {
	return loader.Open(ctx, loader.UNet, fsys, dir, variant)
}

// LoadFrom loads a U-Net from a checkpoint, which it closes, and returns ctx's error
// soon after ctx is done. Options may be nil; their Variant has no effect.
func LoadFrom(ctx context.Context, src checkpoint.Source, o *LoadOptions) (*UNet, error) {
	if o == nil {
		o = &LoadOptions{}
	}
	u := &UNet{}
	m, err := model.Load(ctx, "unet", src, model.LoadOptions(*o), u.define)
	if err != nil {
		return nil, err
	}
	m.Steady(tokensInput, imageTokensInput)
	u.model = m
	u.Config.Warnings = append(u.Config.Warnings, m.Warnings()...)
	return u, nil
}

func init() {
	model.Inside(func(u *UNet) *model.Model { return u.model })
	model.Adapts(func(u *UNet, m *model.Model) *UNet {
		adapted := *u
		adapted.model = m
		return &adapted
	})
}
