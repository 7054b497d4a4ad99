package diffusion

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"

	"sdgo/internal/loader"
	"sdgo/safetensors/checkpoint"
	"sdgo/scheduler"
)

// The parts that Stable unCLIP has beside those of Stable Diffusion 2.
const (
	normalizerFolder = "image_normalizer"
	noisingFolder    = "image_noising_scheduler"
)

// unclip says whether this is Stable unCLIP, whose image encoder is part of it.
func (x *index) unclip() bool {
	return x.parts[normalizerFolder] != "" && x.parts[imageEncoderFolder] != "" && x.parts["text_encoder"] != "" && !x.xl
}

// loadUnCLIP loads what is known of embeddings of images.
func loadUnCLIP(ctx context.Context, fsys fs.FS, class, variant string) (*unclip, error) {
	kind := loader.Kind{Name: "image normalizer", Base: loader.UNet.Base}
	src, err := loader.Open(ctx, kind, fsys, normalizerFolder, variantIn(fsys, normalizerFolder, kind, variant))
	if err != nil {
		return nil, err
	}
	defer src.Close()
	u := &unclip{}
	if u.mean, err = vectorOf(src, "mean"); err != nil {
		return nil, err
	}
	if u.std, err = vectorOf(src, "std"); err != nil {
		return nil, err
	}
	var config json.RawMessage
	const name = noisingFolder + "/scheduler_config.json"
	if err := loader.ReadJSON(ctx, fsys, name, &config); err != nil {
		return nil, err
	}
	noising, err := scheduler.ParseClass(class, config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if u.alphaBar = noising.AlphaBar(); len(u.alphaBar) == 0 {
		return nil, fmt.Errorf("%s: have no noise levels", name)
	}
	return u, nil
}

// maxEmbedding bounds the numbers of an embedding.
const maxEmbedding = 1 << 16

// vectorOf reads numbers [1 D] or [D], none of which is 0 where they divide.
func vectorOf(src checkpoint.Source, name string) ([]float32, error) {
	shape, _, ok := src.Tensor(name)
	n := len(shape)
	if !ok || n < 1 || n > 2 || n == 2 && shape[0] != 1 || shape[n-1] < 1 || shape[n-1] > maxEmbedding {
		return nil, fmt.Errorf("%s: %s: have shape %v, want [1 D]", normalizerFolder, name, shape)
	}
	x := make([]float32, shape[n-1])
	if err := src.Float32s(name, 0, x); err != nil {
		return nil, err
	}
	for i, v := range x {
		if name == "std" && !(v > 0) {
			return nil, fmt.Errorf("%s: %s: element %d is %v, want a number above 0", normalizerFolder, name, i, v)
		}
	}
	if err := checkFinite(normalizerFolder+": "+name, x); err != nil {
		return nil, err
	}
	return x, nil
}
