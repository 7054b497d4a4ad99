package unet

import (
	"fmt"
	"slices"

	"sdgo/internal/config"
)

// T2IAdapterConfig describes the structure of a T2IAdapter. It decodes a checkpoint's
// config.json as it is.
type T2IAdapterConfig struct {
	InChannels      int    `json:"in_channels"` // of the picture
	Channels        []int  `json:"channels"`    // of each level; a light adapter has one more like the last
	ResBlocks       int    `json:"num_res_blocks"`
	DownscaleFactor int    `json:"downscale_factor"` // side of the squares of pixels that are one at the top
	Type            string `json:"adapter_type"`     // full_adapter, full_adapter_xl or light_adapter

	// Warnings are what the model's files say that was not taken into account.
	Warnings []string `json:"-"`
}

// The kinds of adapters.
const (
	fullAdapter   = "full_adapter"
	fullAdapterXL = "full_adapter_xl"
	lightAdapter  = "light_adapter"
)

// t2iClass is what diffusers calls the model.
const t2iClass = "T2IAdapter"

// maxDownscale is the longest side of squares: far more than any adapter has.
const maxDownscale = 64

// ParseT2IAdapterConfig decodes the config.json of a T2I-Adapter, as ParseConfig does that
// of a U-Net.
func ParseT2IAdapterConfig(data []byte) (T2IAdapterConfig, error) {
	c := T2IAdapterConfig{InChannels: 3, Channels: []int{320, 640, 1280, 1280}, ResBlocks: 2, DownscaleFactor: 8, Type: fullAdapter}
	warnings, err := config.Decode(data, t2iClass, &c)
	c.Warnings = warnings
	if err == nil {
		err = c.validate()
	}
	if err != nil {
		return c, fmt.Errorf("unet: t2i adapter: config: %w", err)
	}
	return c, nil
}

func (c *T2IAdapterConfig) validate() error {
	levels := len(c.Channels)
	light := c.Type == lightAdapter
	return config.Verify(
		config.Want("adapter_type", c.Type, subset([]string{c.Type}, fullAdapter, fullAdapterXL, lightAdapter), "full_adapter, full_adapter_xl or light_adapter"),
		config.Want("in_channels", c.InChannels, positive(c.InChannels), "1 or more"),
		config.Want("channels", c.Channels, levels > 0 && levels <= 16 && positive(c.Channels...), "1 to 16 positive numbers"),
		config.Want("channels", c.Channels, !light || !slices.ContainsFunc(c.Channels, func(n int) bool { return n < lightShare }), "4 or more each in a light adapter"),
		config.Want("num_res_blocks", c.ResBlocks, c.ResBlocks > 0 && c.ResBlocks*(levels+1) <= maxBlocks, fmt.Sprintf("1 or more, at most %d in all", maxBlocks)),
		config.Want("downscale_factor", c.DownscaleFactor, c.DownscaleFactor > 0 && c.DownscaleFactor <= maxDownscale, fmt.Sprintf("1 to %d", maxDownscale)),
	)
}

// t2iLevel is a level of an adapter.
type t2iLevel struct {
	in, out int
	halves  bool // its sides are half of those of the level before
}

// levels are those of the adapter.
func (c *T2IAdapterConfig) levels() (levels []t2iLevel) {
	in := c.Channels[0]
	for i, out := range c.Channels {
		levels = append(levels, t2iLevel{in, out, i > 0 && c.Type != fullAdapterXL || i == 2})
		in = out
	}
	switch c.Type {
	case lightAdapter:
		levels[0].in = c.InChannels * c.DownscaleFactor * c.DownscaleFactor
		levels = append(levels, t2iLevel{in, in, true})
	case fullAdapterXL:
		for i := range levels {
			if i != 1 && i != 2 { // as in diffusers: only these two change the channels
				levels[i].in = levels[i].out
			}
		}
	}
	return levels
}
