package models

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/internal/loader"
)

// narrow makes the widths of a model those of a toy, which its structure leaves as it is.
var narrow = strings.NewReplacer(
	`"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "num_hidden_layers": 12`, `"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2`,
	`"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 23`, `"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2`,
	`"hidden_size": 1280, "intermediate_size": 5120, "num_attention_heads": 20, "num_hidden_layers": 32`, `"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2`,
	`"projection_dim": 1280`, `"projection_dim": 32`,
	`"cross_attention_dim": 2048, "block_out_channels": [320, 640, 1280]`, `"cross_attention_dim": 64, "block_out_channels": [32, 64, 64]`,
	`"attention_head_dim": [5, 10, 20]`, `"attention_head_dim": [1, 2, 4]`, `"projection_class_embeddings_input_dim": 2816`, `"projection_class_embeddings_input_dim": 1568`,
	`"cross_attention_dim": 768`, `"cross_attention_dim": 32, "block_out_channels": [32, 64, 64, 64]`,
	`"cross_attention_dim": 1024`, `"cross_attention_dim": 32, "block_out_channels": [32, 64, 64, 64]`,
	`"attention_head_dim": [5, 10, 20, 20]`, `"attention_head_dim": [1, 2, 4, 4]`,
	`[128, 256, 512, 512]`, `[32, 32, 32, 32]`,
)

// The parts of every model fit together and make a picture, with the defaults of its kind.
func TestModels(t *testing.T) {
	for model, want := range map[string]struct {
		cells int
		diffusion.Defaults
	}{
		"sd15":       {64, diffusion.Defaults{Steps: 50, Guidance: 7.5}},
		"sd21":       {96, diffusion.Defaults{Steps: 50, Guidance: 7.5}},
		"sdxl":       {128, diffusion.Defaults{Steps: 50, Guidance: 5}},
		"ssd-1b":     {128, diffusion.Defaults{Steps: 50, Guidance: 5}},
		"lcm":        {64, diffusion.Defaults{Steps: 4, Guidance: 8.5, Few: "LCM"}},
		"turbo":      {64, diffusion.Defaults{Steps: 4, Guidance: 1, Few: "Turbo"}},
		"sdxl-turbo": {64, diffusion.Defaults{Steps: 4, Guidance: 1, Few: "Turbo"}},
	} {
		for _, open := range []func(string) (fs.FS, error){Open, OpenTAESD} {
			fsys, err := open(model)
			require.NoError(t, err)
			for _, f := range fsys.(loader.Random).FS.(fstest.MapFS) {
				f.Data = []byte(narrow.Replace(string(f.Data)))
			}
			p, err := diffusion.LoadFS(fsys, nil)
			require.NoError(t, err, model)
			assert.Empty(t, p.Warnings, model)
			height, width := p.UNet.Config.Cells()
			assert.Equal(t, []int{want.cells, want.cells}, []int{height, width}, model)
			have := p.Defaults()
			have.Told = ""
			assert.Equal(t, want.Defaults, have, model)
			result, err := p.TextToImage(t.Context(), "a boat", &diffusion.Options{Width: 32, Height: 32, Steps: 1})
			require.NoError(t, err, model)
			assert.Equal(t, 1, result.Timings.Calls)
			p.Close()
		}
	}
	assert.Len(t, all, 7, "models without a line here")
}

func TestErrors(t *testing.T) {
	_, err := OpenTAESD("tinyscenes")
	assert.EqualError(t, err, `-taesd: have "tinyscenes", want a model with random weights`)
}
