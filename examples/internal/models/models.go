// Package models gives examples a model by name: the demo model, one with random
// weights of a real model's shapes, or a folder.
package models

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sdgo/examples/internal/cli"
	"sdgo/examples/tinyscenes"
)

// Help is what a flag for the model says of it.
const Help = "sd15, sd21, sdxl, ssd-1b, lcm (of SD 1.5), turbo (of SD 2.1) or sdxl-turbo with random weights, tinyscenes, or a `folder` in diffusers' layout"

// Open returns the folder of a model by its name or path.
func Open(model string) (fs.FS, error) {
	if p, ok := all[model]; ok {
		return p.folder(false), nil
	}
	if model == "tinyscenes" {
		return tinyscenes.FS, nil
	}
	if model == "" {
		return nil, cli.Misuse(errors.New("-model: have an empty name, want a folder or a model's"))
	}
	if info, err := os.Stat(model); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("-model: have %q, want sd15, sd21, sdxl, ssd-1b, lcm, turbo, sdxl-turbo, tinyscenes or a folder", model)
	}
	return os.DirFS(model), nil
}

// OpenTAESD is [Open] of a model with random weights and the small autoencoder
// (AutoencoderTiny) in place of its own.
func OpenTAESD(model string) (fs.FS, error) {
	if p, ok := all[model]; ok {
		return p.folder(true), nil
	}
	return nil, cli.Misuse(fmt.Errorf("-taesd: have %.80q, want a model with random weights", model))
}
