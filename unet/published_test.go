package unet

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/kernel"
	"sdgo/internal/loader"
	"sdgo/internal/nn"
)

// The configs of published models, as far as they differ from the defaults, are taken, and
// ask for the weights that the reference has.
func TestPublishedConfigs(t *testing.T) {
	for name, tt := range map[string]struct {
		config           string
		takes            string
		pooled           int // width beside six ids
		tensors, numbers int // as diffusers counts them
	}{
		"SD 1.5": {`{"attention_head_dim": 8, "cross_attention_dim": 768, "sample_size": 64}`, "tokens [-1 -1 768], token mask [-1 -1] if any", 0, 686, 859520964},
		"SD 2.1": {`{"attention_head_dim": [5, 10, 20, 20], "cross_attention_dim": 1024, "use_linear_projection": true, "dual_cross_attention": false,
			"num_class_embeds": null, "only_cross_attention": false, "upcast_attention": true, "sample_size": 96}`, "tokens [-1 -1 1024], token mask [-1 -1] if any", 0, 686, 865910724},
		"SD 2 depth": {`{"attention_head_dim": [5, 10, 20, 20], "cross_attention_dim": 1024, "use_linear_projection": true, "in_channels": 5}`, "tokens [-1 -1 1024], token mask [-1 -1] if any", 0, 686, 865913604},
		"x4 upscaler": {`{"attention_head_dim": 8, "block_out_channels": [256, 512, 512, 1024], "cross_attention_dim": 1024, "in_channels": 7,
			"down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
			"up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
			"num_class_embeds": 1000, "only_cross_attention": [true, true, true, false], "use_linear_projection": true, "sample_size": 128}`,
			"tokens [-1 -1 1024], token mask [-1 -1] if any, class labels [-1]", 0, 687, 473398020},
		"SD 2 unCLIP": {`{"attention_head_dim": [5, 10, 20, 20], "cross_attention_dim": 1024, "use_linear_projection": true, "class_embed_type": "projection",
			"projection_class_embeddings_input_dim": 2048, "class_embeddings_concat": false}`, "tokens [-1 -1 1024], token mask [-1 -1] if any, class labels [-1 2048]", 0, 690, 870173124},
		"SDXL base": {`{"addition_embed_type": "text_time", "addition_embed_type_num_heads": 64, "addition_time_embed_dim": 256, "attention_head_dim": [5, 10, 20],
			"block_out_channels": [320, 640, 1280], "cross_attention_dim": 2048, "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
			"up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], "projection_class_embeddings_input_dim": 2816,
			"transformer_layers_per_block": [1, 2, 10], "use_linear_projection": true, "upcast_attention": null, "sample_size": 128}`,
			"tokens [-1 -1 2048], token mask [-1 -1] if any, pooled text [-1 -1], time ids [-1 -1]", 1280, 1680, 2567463684},
		"SDXL refiner": {`{"addition_embed_type": "text_time", "addition_time_embed_dim": 256, "attention_head_dim": [6, 12, 24, 24], "block_out_channels": [384, 768, 1536, 1536],
			"cross_attention_dim": 1280, "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
			"up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], "projection_class_embeddings_input_dim": 2560,
			"transformer_layers_per_block": 4, "use_linear_projection": true}`, "tokens [-1 -1 1280], token mask [-1 -1] if any, pooled text [-1 -1], time ids [-1 -1]", 1024, 1220, 2259526660},
	} {
		u, tensors, numbers := asked(t, tt.config)
		assert.Equal(t, []int{tt.tensors, tt.numbers}, []int{tensors, numbers}, name)
		assert.Equal(t, tt.takes, u.takes(), name)
		if u.time.text != nil {
			pooled, ids := u.time.text.usual()
			assert.Equal(t, []int{tt.pooled, 6}, []int{pooled, ids}, name)
		}
	}
}

// So are those of models that were made smaller or faster.
func TestSmallerConfigs(t *testing.T) {
	const xl = `"cross_attention_dim": 2048, "block_out_channels": [320, 640, 1280], "attention_head_dim": [5, 10, 20],
		"down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"], "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
		"use_linear_projection": true, "addition_embed_type": "text_time", "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816, `
	const three = `"block_out_channels": [320, 640, 1280], "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
		"up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"], "layers_per_block": 1, "mid_block_type": null, `
	for name, tt := range map[string]struct {
		config           string
		tensors, numbers int // as diffusers counts them
	}{
		"LCM": {`"cross_attention_dim": 768, "time_cond_proj_dim": 256`, 687, 859602884},
		"SSD-1B": {xl + `"mid_block_type": "UNetMidBlock2D", "transformer_layers_per_block": [1, 2, 4],
			"reverse_transformer_layers_per_block": [[4, 4, 10], [2, 1, 1], 1]`, 944, 1331334404},
		"Vega":         {xl + `"mid_block_type": "UNetMidBlock2D", "transformer_layers_per_block": [1, 1, 2]`, 564, 745225604},
		"KOALA 700M":   {xl + `"mid_block_type": null, "layers_per_block": 1, "transformer_layers_per_block": [1, 2, 5]`, 584, 782822724},
		"BK-SDM small": {`"cross_attention_dim": 768, "layers_per_block": 1, "mid_block_type": null`, 396, 482346884},
		"BK-SDM tiny":  {three + `"cross_attention_dim": 768`, 358, 323384964},
		"SDXS 0.9": {three + `"cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20], "only_cross_attention": [true, false, false],
			"use_linear_projection": true`, 358, 328177284},
		"pix2pix": {`"cross_attention_dim": 768, "in_channels": 8`, 686, 859532484},
	} {
		_, tensors, numbers := asked(t, "{"+tt.config+"}")
		assert.Equal(t, []int{tt.tensors, tt.numbers}, []int{tensors, numbers}, name)
	}
}

// asked is a U-Net without weights, and how many tensors and numbers it asks for.
func asked(t *testing.T, config string) (u *UNet, tensors, numbers int) {
	src, err := Open(t.Context(), loader.Random{FS: fstest.MapFS{"config.json": {Data: []byte(config)}}}, ".", "")
	require.NoError(t, err)
	count := &counted{RandomWeights: src.(*loader.RandomWeights)}
	u = &UNet{}
	require.NoError(t, u.define(src.Config(), nn.NewParams("unet", count, kernel.Float32)))
	assert.Empty(t, u.Config.Warnings)
	return u, count.tensors, count.numbers
}

// counted counts the tensors that a model asks for.
type counted struct {
	*loader.RandomWeights
	tensors, numbers int
}

func (c *counted) Make(name string, shape []int) {
	c.tensors++
	c.numbers += tensor.Shape(shape).TotalSize()
	c.RandomWeights.Make(name, shape)
}
