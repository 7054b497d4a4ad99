package vae

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sdgo/internal/config"
	"sdgo/internal/kernel"
)

// TinyConfig describes the structure of an AutoencoderTiny. It decodes a checkpoint's
// config.json as it is.
type TinyConfig struct {
	InChannels              int    `json:"in_channels"`
	OutChannels             int    `json:"out_channels"`
	EncoderBlockOutChannels []int  `json:"encoder_block_out_channels"` // all the same, one a level
	DecoderBlockOutChannels []int  `json:"decoder_block_out_channels"`
	NumEncoderBlocks        []int  `json:"num_encoder_blocks"` // of each level
	NumDecoderBlocks        []int  `json:"num_decoder_blocks"`
	ActFn                   string `json:"act_fn"`      // relu, gelu or silu, inside of blocks
	UpsampleFn              string `json:"upsample_fn"` // nearest
	UpsamplingScalingFactor int    `json:"upsampling_scaling_factor"`
	LatentChannels          int    `json:"latent_channels"`

	// LatentMagnitude and LatentShift map latents to [0, 1] and back, to keep them as
	// pictures; see ScaleLatents.
	LatentMagnitude float64 `json:"latent_magnitude"`
	LatentShift     float64 `json:"latent_shift"`

	ScalingFactor float64 `json:"scaling_factor"` // as that of [Config]; 1 in published models
	ShiftFactor   float64 `json:"shift_factor"`

	ForceUpcast      any `json:"force_upcast"`       // all is float32 here
	BlockOutChannels any `json:"block_out_channels"` // the decoder's again
}

// tinyClass is what diffusers calls the model.
const tinyClass = "AutoencoderTiny"

// parseTiny decodes the config.json of an AutoencoderTiny.
func parseTiny(data []byte) (Config, error) {
	t := TinyConfig{ // what diffusers takes for a missing key
		InChannels: 3, OutChannels: 3, LatentChannels: 4,
		EncoderBlockOutChannels: []int{64, 64, 64, 64}, DecoderBlockOutChannels: []int{64, 64, 64, 64},
		NumEncoderBlocks: []int{1, 3, 3, 3}, NumDecoderBlocks: []int{3, 3, 3, 1},
		ActFn: "relu", UpsampleFn: "nearest", UpsamplingScalingFactor: 2,
		LatentMagnitude: 3, LatentShift: 0.5, ScalingFactor: 1,
	}
	warnings, err := config.Decode(data, tinyClass, &t)
	if err == nil {
		err = t.validate()
	}
	if err != nil {
		return Config{}, fmt.Errorf("vae: config: %w", err)
	}
	return Config{
		InChannels: t.InChannels, OutChannels: t.OutChannels, LatentChannels: t.LatentChannels,
		BlockOutChannels: slices.Clone(t.DecoderBlockOutChannels), ActFn: t.ActFn,
		ScalingFactor: t.ScalingFactor, ShiftFactor: &t.ShiftFactor, ForceUpcast: t.ForceUpcast,
		Tiny: &t, Warnings: warnings,
	}, nil
}

func (c *TinyConfig) validate() error {
	count := func(n, limit int) bool { return n >= 1 && n <= limit }
	_, known := tinyActivations[c.ActFn]
	levels := func(key string, channels, blocks []int) string {
		if !count(len(channels), maxLevels) {
			return config.Want(key, channels, false, fmt.Sprintf("1 to %d numbers", maxLevels))
		}
		width := channels[0] // no convolution changes it
		same := !slices.ContainsFunc(channels, func(n int) bool { return n != width })
		few := !slices.ContainsFunc(blocks, func(n int) bool { return n < 0 || n > maxBlocks/maxLevels })
		return cmp.Or(
			config.Want(key, channels, same && count(width, 1<<15), "1 to 32768, the same for all levels"),
			config.Want("num_"+key[:len("encoder")]+"_blocks", blocks, few && len(blocks) == len(channels), fmt.Sprintf("0 to %d for each of %d levels", maxBlocks/maxLevels, len(channels))),
		)
	}
	if err := config.Verify(
		config.Want("in_channels", c.InChannels, count(c.InChannels, 1<<10), "1 to 1024"),
		config.Want("out_channels", c.OutChannels, count(c.OutChannels, 1<<10), "1 to 1024"),
		config.Want("latent_channels", c.LatentChannels, count(c.LatentChannels, 1<<10), "1 to 1024"),
		levels("encoder_block_out_channels", c.EncoderBlockOutChannels, c.NumEncoderBlocks),
		levels("decoder_block_out_channels", c.DecoderBlockOutChannels, c.NumDecoderBlocks),
		config.Want("act_fn", c.ActFn, known, "relu, gelu or silu"),
		config.Want("upsample_fn", c.UpsampleFn, c.UpsampleFn == "nearest", "nearest"),
		config.Want("latent_magnitude", c.LatentMagnitude, c.LatentMagnitude >= 1/maxScale && c.LatentMagnitude <= maxScale, "a positive number, 1e-6 to 1e6"),
		config.Want("latent_shift", c.LatentShift, math.Abs(c.LatentShift) <= maxScale, "-1e6 to 1e6"),
		config.Want("scaling_factor", c.ScalingFactor, c.ScalingFactor >= 1/maxScale && c.ScalingFactor <= maxScale, "a positive number, 1e-6 to 1e6"),
		config.Want("shift_factor", c.ShiftFactor, math.Abs(c.ShiftFactor) <= maxScale, "-1e6 to 1e6"),
		config.Want("upsampling_scaling_factor", c.UpsamplingScalingFactor, count(c.UpsamplingScalingFactor, 1<<(maxLevels-1)), fmt.Sprintf("1 to %d", 1<<(maxLevels-1))),
	); err != nil {
		return err
	}
	if have, want := c.factor(), 1<<(len(c.EncoderBlockOutChannels)-1); have != want {
		return fmt.Errorf("upsampling_scaling_factor: have %d, want one with which the decoder enlarges by %d, as the encoder reduces: have %d", c.UpsamplingScalingFactor, want, have)
	}
	return nil
}

// tinyActivations are those of blocks.
var tinyActivations = map[string]kernel.Activation{"relu": kernel.ReLU, "gelu": kernel.GELU, "silu": kernel.SiLU, "swish": kernel.SiLU}

// factor is how much the decoder enlarges, at most that of the largest levels.
func (c *TinyConfig) factor() int {
	n := 1
	for range len(c.DecoderBlockOutChannels) - 1 {
		n = min(n*c.UpsamplingScalingFactor, 1<<maxLevels)
	}
	return n
}

// ScaleLatents maps latents as the model has them to [0, 1] in place, to be kept in the
// channels of a picture: x/(2·magnitude) + shift, clamped.
func (c *TinyConfig) ScaleLatents(latents []float32) {
	if c == nil {
		return
	}
	for i, v := range latents {
		latents[i] = min(max(float32(v/float32(2*c.LatentMagnitude))+float32(c.LatentShift), 0), 1)
	}
}

// UnscaleLatents maps what ScaleLatents gave back, in place.
func (c *TinyConfig) UnscaleLatents(scaled []float32) {
	if c == nil {
		return
	}
	for i, v := range scaled {
		scaled[i] = (v - float32(c.LatentShift)) * float32(2*c.LatentMagnitude)
	}
}
