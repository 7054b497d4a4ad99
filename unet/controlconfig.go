package unet

import (
	"fmt"
	"slices"

	"sdgo/internal/config"
)

// ControlNetConfig describes the structure of a ControlNetModel. It decodes a
// checkpoint's config.json as it is.
type ControlNetConfig struct {
	// Config is that of the U-Net whose way down and middle block it has. What it says of
	// a way up has no meaning.
	Config

	// ConditioningChannels are those of the picture.
	ConditioningChannels int `json:"conditioning_channels"`
	// EmbeddingChannels are those of the layers that embed it, of which each but the
	// first halves its sides.
	EmbeddingChannels []int `json:"conditioning_embedding_out_channels"`
	// ChannelOrder is "rgb", or "bgr" for a network that reads the channels backwards.
	ChannelOrder string `json:"controlnet_conditioning_channel_order"`
	// GlobalPool says that all pixels of a residual are the mean of what was computed: the
	// network tells of the whole picture, and not where things are.
	GlobalPool bool `json:"global_pool_conditions"`
}

// controlClass is what diffusers calls the model.
const controlClass = "ControlNetModel"

// The values of controlnet_conditioning_channel_order.
const (
	orderRGB = "rgb"
	orderBGR = "bgr"
)

// ParseControlNetConfig decodes the config.json of a ControlNet, as ParseConfig does that
// of a U-Net.
func ParseControlNetConfig(data []byte) (ControlNetConfig, error) {
	c := ControlNetConfig{Config: defaultConfig(), ConditioningChannels: 3, EmbeddingChannels: []int{16, 32, 96, 256}, ChannelOrder: orderRGB}
	warnings, err := config.Decode(data, controlClass, &c)
	if err == nil {
		c.Warnings = warnings
		c.UpBlockTypes = slices.Repeat([]string{"UpBlock2D"}, len(c.BlockOutChannels))
		c.ReverseTransformerLayers = nil
		err = c.Config.validate()
	}
	if err == nil {
		err = c.validateControl()
	}
	if err != nil {
		return c, fmt.Errorf("unet: controlnet: config: %w", err)
	}
	return c, nil
}

// maxEmbedding is how many layers may embed the picture: far more than any has.
const maxEmbedding = 8

func (c *ControlNetConfig) validateControl() error {
	layers := len(c.EmbeddingChannels)
	return config.Verify(
		config.Want("conditioning_channels", c.ConditioningChannels, positive(c.ConditioningChannels), "1 or more"),
		config.Want("conditioning_embedding_out_channels", c.EmbeddingChannels, layers > 0 && layers <= maxEmbedding && positive(c.EmbeddingChannels...), fmt.Sprintf("1 to %d positive numbers", maxEmbedding)),
		config.Want("controlnet_conditioning_channel_order", c.ChannelOrder, c.ChannelOrder == orderRGB || c.ChannelOrder == orderBGR, "rgb or bgr"),
		config.Want("mid_block_type", deref(c.MidBlockType), c.MidBlockType != nil, midAttention+" or "+midResidual),
		config.Want("time_cond_proj_dim", deref(c.TimeCondProjDim), c.TimeCondProjDim == nil, "null"),
	)
}

// Factor is by how much the picture's sides are longer than those of the latents.
func (c *ControlNetConfig) Factor() int {
	if c == nil {
		return 1
	}
	return 1 << min(max(len(c.EmbeddingChannels)-1, 0), maxEmbedding)
}

// Cells is [Config.Cells].
func (c *ControlNetConfig) Cells() (height, width int) {
	if c == nil {
		return (*Config)(nil).Cells()
	}
	return c.Config.Cells()
}
