package unet

import (
	"context"
	"io/fs"

	"sdgo/internal/control"
	"sdgo/internal/model"
	"sdgo/safetensors/checkpoint"
)

// OpenControlNet opens the checkpoint of a ControlNet, for [LoadControlNet]: the folder
// called name of fsys, as diffusers writes it, with the weights of a variant, or one file
// (safetensors, of PyTorch, or GGUF), in the names of diffusers or of the original code
// (control_model.*), whose structure is told from the shapes of its tensors.
func OpenControlNet(ctx context.Context, fsys fs.FS, name, variant string) (checkpoint.Source, error) {
	src, _, err := control.Open(ctx, fsys, name, variant, control.ControlNet)
	return src, err
}

// LoadControlNet loads a ControlNet from a checkpoint, which it closes, and returns ctx's
// error soon after ctx is done. Options may be nil; their Variant has no effect.
func LoadControlNet(ctx context.Context, src checkpoint.Source, o *LoadOptions) (*ControlNet, error) {
	if o == nil {
		o = &LoadOptions{}
	}
	c := &ControlNet{}
	m, err := model.Load(ctx, "unet: controlnet", src, model.LoadOptions(*o), c.define)
	if err != nil {
		return nil, err
	}
	m.Steady(tokensInput, imageTokensInput)
	c.model = m
	c.Config.Warnings = append(c.Config.Warnings, m.Warnings()...)
	return c, nil
}

// OpenT2IAdapter opens the checkpoint of a T2I-Adapter, for [LoadT2IAdapter], as
// OpenControlNet does that of a ControlNet.
func OpenT2IAdapter(ctx context.Context, fsys fs.FS, name, variant string) (checkpoint.Source, error) {
	src, _, err := control.Open(ctx, fsys, name, variant, control.T2IAdapter)
	return src, err
}

// LoadT2IAdapter loads a T2I-Adapter from a checkpoint, which it closes, and returns ctx's
// error soon after ctx is done. Options may be nil; their Variant has no effect.
func LoadT2IAdapter(ctx context.Context, src checkpoint.Source, o *LoadOptions) (*T2IAdapter, error) {
	if o == nil {
		o = &LoadOptions{}
	}
	t := &T2IAdapter{}
	m, err := model.Load(ctx, "unet: t2i adapter", src, model.LoadOptions(*o), t.define)
	if err != nil {
		return nil, err
	}
	t.model = m
	t.Config.Warnings = append(t.Config.Warnings, m.Warnings()...)
	return t, nil
}

func init() {
	model.Inside(func(c *ControlNet) *model.Model { return c.model })
	model.Inside(func(t *T2IAdapter) *model.Model { return t.model })
}
