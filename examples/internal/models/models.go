// Package models gives examples a model by name: the demo model, one with random
// weights of a real model's shapes, or a folder.
package models

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing/fstest"

	"sdgo/examples/internal/cli"
	"sdgo/examples/tinyscenes"
	"sdgo/internal/loader"
)

// folders of the named models: their configs, and weights if they have any.
var folders = map[string]fs.FS{
	"sd15": random(
		`{"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "num_hidden_layers": 12}`,
		`{"cross_attention_dim": 768, "sample_size": 64}`),
	"sd21": random(
		`{"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 23, "hidden_act": "gelu"}`,
		`{"cross_attention_dim": 1024, "sample_size": 96, "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": true}`),
	"sdxl": random(
		`{"hidden_size": 1280, "intermediate_size": 5120, "num_attention_heads": 20, "num_hidden_layers": 32, "hidden_act": "gelu"}`,
		`{"cross_attention_dim": 2048, "sample_size": 128, "block_out_channels": [320, 640, 1280], "attention_head_dim": [5, 10, 20],
			"down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
			"up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
			"transformer_layers_per_block": [1, 2, 10], "use_linear_projection": true}`),
	"tinyscenes": tinyscenes.FS,
}

// Help is what a flag for the model says of it.
const Help = "sd15, sd21 or sdxl with random weights (sdxl: its larger text encoder, and its U-Net without the conditioning on sizes), tinyscenes, or a `folder` in diffusers' layout"

// random is a pipeline with random weights, the VAE that all Stable Diffusions
// share, and the demo model's tokenizer and noise levels.
func random(text, unet string) fs.FS {
	vae := `{"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
		"down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
		"up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]}`
	folder := fstest.MapFS{
		"text_encoder/config.json": {Data: []byte(text)},
		"unet/config.json":         {Data: []byte(unet)},
		"vae/config.json":          {Data: []byte(vae)},
	}
	for _, name := range []string{
		"model_index.json", "scheduler/scheduler_config.json",
		"tokenizer/vocab.json", "tokenizer/merges.txt", "tokenizer/tokenizer_config.json", "tokenizer/special_tokens_map.json",
	} {
		if data, err := fs.ReadFile(tinyscenes.FS, name); err == nil {
			folder[name] = &fstest.MapFile{Data: data}
		}
	}
	return loader.Random{FS: folder}
}

// Open returns the folder of a model by its name or path.
func Open(model string) (fs.FS, error) {
	if fsys, ok := folders[model]; ok {
		return fsys, nil
	}
	if model == "" {
		return nil, cli.Misuse(errors.New("-model: have an empty name, want a folder or a model's"))
	}
	if info, err := os.Stat(model); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("-model: have %q, want sd15, sd21, sdxl, tinyscenes or a folder", model)
	}
	return os.DirFS(model), nil
}
