package vae

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"sdgo/internal/loader"
	"sdgo/internal/taesd"
	"sdgo/safetensors/checkpoint"
)

// OpenTiny opens the small autoencoder in a file of fsys as its author publishes it, which
// has no configuration (taesd_decoder.safetensors or .pth, taesdxl_decoder, …), for
// [LoadFrom]; of pickles nothing is executed. The other half is taken from the file beside
// it that is called "encoder" in place of "decoder"; a decoder may be alone. A file of both
// halves, and diffusers' without its config.json, are taken, too.
func OpenTiny(ctx context.Context, fsys fs.FS, name string) (checkpoint.Source, error) {
	if ctx == nil || fsys == nil {
		return nil, errors.New("vae: have no context or no file system to load from")
	}
	file, err := loader.OpenFile(ctx, fsys, name)
	if err != nil {
		return nil, fmt.Errorf("vae: %w", err)
	}
	if !taesd.Is(file) {
		file.Close()
		return nil, fmt.Errorf("vae: %s: have other tensors, want those of a TAESD (3.conv.0.weight, …)", name)
	}
	src, err := taesd.Open(ctx, fsys, name, file)
	if err != nil {
		return nil, fmt.Errorf("vae: %w", err)
	}
	return src, nil
}
