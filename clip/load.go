package clip

import (
	"context"
	"io/fs"
	"os"

	"sdgo/internal/loader"
	"sdgo/internal/model"
	"sdgo/safetensors/checkpoint"
)

// LoadOptions say how a text encoder is loaded and run. The zero value is the
// default.
type LoadOptions struct {
	// Variant names the weight files of a folder, as in model.fp16.safetensors for
	// "fp16". Empty means the files without a variant.
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

// LoadTextEncoder loads the text encoder in a folder with config.json and weights
// in safetensors, or in pytorch_model.bin where there are none: a CLIPTextModel, a CLIPTextModelWithProjection or the text half of
// a whole CLIPModel. Other tensors may be there, and are not looked at. Options may
// be nil.
func LoadTextEncoder(dir string, o *LoadOptions) (*TextEncoder, error) {
	return LoadTextEncoderFS(os.DirFS(dir), ".", o)
}

// LoadTextEncoderContext is [LoadTextEncoder] that returns ctx's error soon after ctx
// is done.
func LoadTextEncoderContext(ctx context.Context, dir string, o *LoadOptions) (*TextEncoder, error) {
	return LoadTextEncoderFSContext(ctx, os.DirFS(dir), ".", o)
}

// LoadTextEncoderFS loads the text encoder in the folder dir of fsys. Options may
// be nil.
func LoadTextEncoderFS(fsys fs.FS, dir string, o *LoadOptions) (*TextEncoder, error) {
	return LoadTextEncoderFSContext(context.Background(), fsys, dir, o)
}

// LoadTextEncoderFSContext is [LoadTextEncoderFS] that returns ctx's error soon after
// ctx is done.
func LoadTextEncoderFSContext(ctx context.Context, fsys fs.FS, dir string, o *LoadOptions) (*TextEncoder, error) {
	variant := ""
	if o != nil {
		variant = o.Variant
	}
	src, err := OpenTextEncoder(ctx, fsys, dir, variant)
	if err != nil {
		return nil, err
	}
	return LoadTextEncoderFrom(ctx, src, o)
}

// OpenTextEncoder opens the checkpoint of a text encoder in the folder dir of fsys, for
// LoadTextEncoderFrom, or a [checkpoint.Overlay] between the two. Variant is that of
// LoadOptions.
func OpenTextEncoder(ctx context.Context, fsys fs.FS, dir, variant string) (checkpoint.Source, error) {
	return loader.Open(ctx, loader.TextEncoder, fsys, dir, variant)
}

// LoadTextEncoderFrom loads a text encoder from a checkpoint, which it closes, and
// returns ctx's error soon after ctx is done. Options may be nil; their Variant has no
// effect.
func LoadTextEncoderFrom(ctx context.Context, src checkpoint.Source, o *LoadOptions) (*TextEncoder, error) {
	return (&TextEncoder{alone: !model.Shared(ctx)}).load(ctx, src, o)
}

// LoadProjectedFrom is [LoadTextEncoderFrom] for the second text encoder of Stable
// Diffusion XL, whose embedding of the whole text a pipeline reads: it wants a
// CLIPTextModelWithProjection, and loads the projection in a pipeline, too.
func LoadProjectedFrom(ctx context.Context, src checkpoint.Source, o *LoadOptions) (*TextEncoder, error) {
	return (&TextEncoder{projected: true}).load(ctx, src, o)
}

func (e *TextEncoder) load(ctx context.Context, src checkpoint.Source, o *LoadOptions) (*TextEncoder, error) {
	if o == nil {
		o = &LoadOptions{}
	}
	m, err := model.Load(ctx, "clip", src, model.LoadOptions(*o), e.define)
	if err != nil {
		return nil, err
	}
	e.model = m
	e.Config.Warnings = append(e.Config.Warnings, m.Warnings()...)
	return e, nil
}

func init() {
	model.Inside(func(e *TextEncoder) *model.Model { return e.model })
	model.Adapts(func(e *TextEncoder, m *model.Model) *TextEncoder {
		adapted := *e
		adapted.model = m
		return &adapted
	})
}
