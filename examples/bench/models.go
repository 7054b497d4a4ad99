package main

import (
	"fmt"
	"io/fs"
	"os"
	"testing/fstest"

	"sdgo/examples/tinyscenes"
	"sdgo/internal/nn"
)

// folders of the named models: their configs, and weights if they have any.
var folders = map[string]fs.FS{
	"sd15": random(
		`{"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "num_hidden_layers": 12}`,
		`{"cross_attention_dim": 768, "sample_size": 64}`),
	"sd21": random(
		`{"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 23, "hidden_act": "gelu"}`,
		`{"cross_attention_dim": 1024, "sample_size": 96, "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": true}`),
	"tinyscenes": tinyscenes.FS,
}

// random is a model with random weights and the VAE that all Stable Diffusions
// up to 2.1 share.
func random(text, unet string) fs.FS {
	vae := `{"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
		"down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
		"up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]}`
	return nn.Random{FS: fstest.MapFS{
		"text_encoder/config.json": {Data: []byte(text)},
		"unet/config.json":         {Data: []byte(unet)},
		"vae/config.json":          {Data: []byte(vae)},
	}}
}

// open returns the folder of a model by its name or path.
func open(model string) (fs.FS, error) {
	if fsys, ok := folders[model]; ok {
		return fsys, nil
	}
	if info, err := os.Stat(model); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("-model: have %q, want sd15, sd21, tinyscenes or a folder", model)
	}
	return os.DirFS(model), nil
}
