package diffusion

import (
	"context"
	"fmt"
	"io/fs"

	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/safetensors/checkpoint"
	"sdgo/unet"
)

// openUNetFolder opens the folder of a U-Net alone, beside which the caller names the other
// parts. The scheduler is that of the published models of its family.
func openUNetFolder(ctx context.Context, fsys fs.FS, o *LoadOptions) (*modelFiles, error) {
	variant := variantIn(fsys, ".", loader.UNet, o.Variant)
	open := func(ctx context.Context, _ string) (checkpoint.Source, error) {
		return loader.Open(ctx, loader.UNet, fsys, ".", variant)
	}
	src, err := open(ctx, ldm.UNet)
	if err != nil {
		return nil, err
	}
	c, err := unet.ParseConfig(src.Config())
	family := familyOf(src.Config())
	if closeErr := src.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	f := &modelFiles{family: family, open: open, close: func() error { return nil }}
	lacks := &ldm.Incomplete{Family: family}
	for _, part := range ldm.Parts(family) {
		if part != ldm.UNet && !o.gives(part) {
			lacks.Missing = append(lacks.Missing, part)
		}
	}
	if len(lacks.Missing) > 0 {
		return nil, fmt.Errorf("have the folder of a U-Net of %s alone, want that of a pipeline (%w), or %s", family, fs.ErrNotExist, howToGive(lacks))
	}
	about := &ldm.Model{Family: family, Channels: c.InChannels}
	none := &beside{}
	kind := f.decide(choosePrediction(about, o, none, nil), probe{file: "unet", sized: true})
	if f.schedule, err = none.schedule(singleSchedule(about, nil), kind); err != nil {
		return nil, err
	}
	if err := f.singleTokenizers(ctx, fsys, o); err != nil {
		return nil, err
	}
	return f, f.noTokenizer
}

// hasUNetAlone says whether a folder is that of a U-Net.
func hasUNetAlone(ctx context.Context, fsys fs.FS) bool {
	class, dirs := looksLike(ctx, fsys)
	weights, _ := loader.Variants(fsys, ".", loader.UNet.Base)
	return class == ours[ldm.UNet][0] && dirs[ldm.UNet] == "." && len(weights) > 0
}
