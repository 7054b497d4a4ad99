package vae

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"sdgo/internal/config"
)

// Config describes the structure of an AutoencoderKL, or what an AutoencoderTiny or a
// VQModel has in common with it. It decodes a checkpoint's config.json as it is.
type Config struct {
	InChannels       int      `json:"in_channels"`
	OutChannels      int      `json:"out_channels"`
	DownBlockTypes   []string `json:"down_block_types"`
	UpBlockTypes     []string `json:"up_block_types"`
	BlockOutChannels []int    `json:"block_out_channels"`
	LayersPerBlock   int      `json:"layers_per_block"`
	ActFn            string   `json:"act_fn"`
	LatentChannels   int      `json:"latent_channels"`
	NormNumGroups    int      `json:"norm_num_groups"`
	SampleSize       any      `json:"sample_size"` // size of the images in training; informative
	// ScalingFactor makes the latents' variance one; ShiftFactor their mean zero.
	ScalingFactor float64  `json:"scaling_factor"`
	ShiftFactor   *float64 `json:"shift_factor"`
	// LatentsMean and LatentsStd are those of each channel, which are taken away before
	// scaling, as of Playground 2.5. Both are nil of most models.
	LatentsMean      []float64 `json:"latents_mean"`
	LatentsStd       []float64 `json:"latents_std"`
	ForceUpcast      any       `json:"force_upcast"` // all is float32 here
	UseQuantConv     bool      `json:"use_quant_conv"`
	UsePostQuantConv bool      `json:"use_post_quant_conv"`
	MidAttention     bool      `json:"mid_block_add_attention"`

	// Tiny is the structure of an AutoencoderTiny; nil of an AutoencoderKL. Of the other
	// fields those then tell which it has too, and BlockOutChannels is the decoder's.
	Tiny *TinyConfig `json:"-"`

	// VQ is the structure of a VQModel; nil of others.
	VQ *VQConfig `json:"-"`

	// Pixels says that the latents are the image, see [Pixels].
	Pixels bool `json:"-"`

	// Warnings are what the model's files say that was not taken into account, such as
	// keys that are not known, one sentence each.
	Warnings []string `json:"-"`
}

// scalingFactor is that of a config which has none.
const scalingFactor = 0.18215

// class is what diffusers calls the model.
const class = "AutoencoderKL"

// ParseConfig decodes a config.json. A value that is not supported, or a key of
// another class, is an error that names it; a key that is not known at all is left out,
// with a warning in the Config unless it is null or false.
func ParseConfig(data []byte) (Config, error) {
	switch config.ClassOf(data, class, tinyClass, vqClass) {
	case tinyClass:
		return parseTiny(data)
	case vqClass:
		return parseVQ(data)
	}
	c := Config{ // what diffusers takes for a missing key
		InChannels: 3, OutChannels: 3, DownBlockTypes: []string{"DownEncoderBlock2D"}, UpBlockTypes: []string{"UpDecoderBlock2D"},
		BlockOutChannels: []int{64}, LayersPerBlock: 1, ActFn: "silu", LatentChannels: 4, NormNumGroups: 32,
		ScalingFactor: scalingFactor, UseQuantConv: true, UsePostQuantConv: true, MidAttention: true,
	}
	warnings, err := config.Decode(data, class, &c)
	if err != nil {
		return c, fmt.Errorf("vae: config: %w", err)
	}
	c.Warnings = warnings
	if err := c.validate(); err != nil {
		return c, fmt.Errorf("vae: config: %w", err)
	}
	return c, nil
}

// These bound what a config may ask for. Published models have 8 layers in all, and
// factors from 0.1 to 2.
const (
	maxBlocks = 256
	maxScale  = 1e6
)

func (c *Config) validate() error {
	levels := len(c.BlockOutChannels)
	count := func(n, limit int) bool { return n >= 1 && n <= limit }
	blocks := func(have []string, want string) bool {
		return len(have) == levels && !slices.ContainsFunc(have, func(s string) bool { return strings.TrimPrefix(s, attnPrefix) != want })
	}
	channels := func(n int) bool { return count(n, 1<<15) && c.NormNumGroups > 0 && n%c.NormNumGroups == 0 }
	return config.Verify(
		config.Want("in_channels", c.InChannels, count(c.InChannels, 1<<10), "1 to 1024"),
		config.Want("out_channels", c.OutChannels, count(c.OutChannels, 1<<10), "1 to 1024"),
		config.Want("latent_channels", c.LatentChannels, count(c.LatentChannels, 1<<10), "1 to 1024"),
		config.Want("block_out_channels", c.BlockOutChannels, count(levels, maxLevels) && !slices.ContainsFunc(c.BlockOutChannels, func(n int) bool { return !channels(n) }),
			fmt.Sprintf("1 to %d multiples of norm_num_groups (%d)", maxLevels, c.NormNumGroups)),
		config.Want("down_block_types", c.DownBlockTypes, blocks(c.DownBlockTypes, "DownEncoderBlock2D"), "DownEncoderBlock2D or AttnDownEncoderBlock2D for each level"),
		config.Want("up_block_types", c.UpBlockTypes, blocks(c.UpBlockTypes, "UpDecoderBlock2D"), "UpDecoderBlock2D or AttnUpDecoderBlock2D for each level"),
		config.Want("layers_per_block", c.LayersPerBlock, count(c.LayersPerBlock, 64), "1 to 64"),
		config.Want("layers_per_block", c.LayersPerBlock, levels*c.LayersPerBlock <= maxBlocks, fmt.Sprintf("at most %d in all %d levels", maxBlocks, levels)),
		config.Want("act_fn", c.ActFn, c.ActFn == "silu" || c.ActFn == "swish", "silu"),
		config.Want("scaling_factor", c.ScalingFactor, c.ScalingFactor >= 1/maxScale && c.ScalingFactor <= maxScale, "a positive number, 1e-6 to 1e6"),
		config.Want("shift_factor", c.shift(), math.Abs(c.shift()) <= maxScale, "-1e6 to 1e6"),
		config.Want("latents_mean", c.LatentsMean, c.perChannel(c.LatentsMean, -maxScale), fmt.Sprintf("null, or %d numbers of -1e6 to 1e6 with latents_std", c.LatentChannels)),
		config.Want("latents_std", c.LatentsStd, c.perChannel(c.LatentsStd, 1/maxScale), fmt.Sprintf("null, or %d positive numbers to 1e6 with latents_mean", c.LatentChannels)),
	)
}

// attnPrefix begins the names of blocks with attention.
const attnPrefix = "Attn"

// perChannel says whether there is a number of least and more for each channel, or none
// where there is neither a mean nor a standard deviation.
func (c *Config) perChannel(list []float64, least float64) bool {
	if c.LatentsMean == nil && c.LatentsStd == nil {
		return true
	}
	return len(list) == c.LatentChannels && !slices.ContainsFunc(list, func(v float64) bool { return !(v >= least && v <= maxScale) })
}

// maxLevels bounds what a config may ask for; published models have four.
const maxLevels = 8

// Factor is how much smaller than the image the latents are, on each side.
func (c *Config) Factor() int {
	if c == nil {
		return 1
	}
	if c.Tiny != nil {
		return max(c.Tiny.factor(), 1)
	}
	return 1 << (min(max(len(c.BlockOutChannels), 1), maxLevels) - 1)
}

// moments is how many channels the encoder writes: means and logarithms of variances, or
// of an AutoencoderTiny or a VQModel the latents.
func (c *Config) moments() int {
	if c.Tiny != nil || c.VQ != nil || c.Pixels {
		return c.LatentChannels
	}
	return 2 * c.LatentChannels
}

// cells is how many cells of latents the encoder makes of n pixels in a row.
func (c *Config) cells(n int) int {
	if c.Tiny != nil { // it pads on both sides
		n += c.Factor() - 1
	}
	return n / c.Factor()
}

// shift returns the latents' shift.
func (c *Config) shift() float64 {
	if c.ShiftFactor == nil {
		return 0
	}
	return *c.ShiftFactor
}

// TileSize is the side in pixels of the tiles that diffusers would take: that of
// the images in training, or 512 if the config does not say or no tile can have
// that size.
func (c *Config) TileSize() int {
	if c == nil {
		return 512
	}
	if n, ok := c.SampleSize.(float64); ok && n >= 1 && n <= 1<<15 && c.CheckTile(int(n)) == nil {
		return int(n)
	}
	return 512
}

// CheckTile wants the side of a tile, in pixels, to be a positive multiple of 4
// latent cells, so that a quarter is whole cells.
func (c *Config) CheckTile(tile int) error {
	if unit := 4 * c.Factor(); tile < unit || tile%unit != 0 {
		return fmt.Errorf("vae: tile: have %d pixels, want a positive multiple of %d", tile, unit)
	}
	return nil
}
