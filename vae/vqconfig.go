package vae

import (
	"fmt"

	"sdgo/internal/config"
)

// VQConfig describes what a VQModel has beside an AutoencoderKL: a codebook of vectors, of
// which the decoder takes those that are nearest to the latents (van den Oord et al. 2017;
// Esser et al. 2021). It decodes a checkpoint's config.json as it is.
//
// https://arxiv.org/abs/1711.00937
// https://arxiv.org/abs/2012.09841
type VQConfig struct {
	InChannels       int      `json:"in_channels"`
	OutChannels      int      `json:"out_channels"`
	DownBlockTypes   []string `json:"down_block_types"`
	UpBlockTypes     []string `json:"up_block_types"`
	BlockOutChannels []int    `json:"block_out_channels"`
	LayersPerBlock   int      `json:"layers_per_block"`
	ActFn            string   `json:"act_fn"`
	// LatentChannels is what encoder and decoder have; the latents themselves have as many
	// as a vector of the codebook.
	LatentChannels  int    `json:"latent_channels"`
	SampleSize      any    `json:"sample_size"`
	NumVQEmbeddings int    `json:"num_vq_embeddings"` // vectors of the codebook
	NormNumGroups   int    `json:"norm_num_groups"`
	VQEmbedDim      *int   `json:"vq_embed_dim"` // numbers of a vector; nil means LatentChannels
	NormType        string `json:"norm_type"`    // group

	ScalingFactor float64 `json:"scaling_factor"`
	MidAttention  bool    `json:"mid_block_add_attention"`
	// LookupFromCodebook says that numbers of entries may be given in place of latents; see
	// VAE.Lookup, which is there whatever it says.
	LookupFromCodebook bool `json:"lookup_from_codebook"`
	ForceUpcast        any  `json:"force_upcast"` // all is float32 here
}

// vqClass is what diffusers calls the model.
const vqClass = "VQModel"

// parseVQ decodes the config.json of a VQModel.
func parseVQ(data []byte) (Config, error) {
	q := VQConfig{ // what diffusers takes for a missing key
		InChannels: 3, OutChannels: 3, DownBlockTypes: []string{"DownEncoderBlock2D"}, UpBlockTypes: []string{"UpDecoderBlock2D"},
		BlockOutChannels: []int{64}, LayersPerBlock: 1, ActFn: "silu", LatentChannels: 3, NumVQEmbeddings: 256, NormNumGroups: 32,
		ScalingFactor: scalingFactor, NormType: "group", MidAttention: true,
	}
	warnings, err := config.Decode(data, vqClass, &q)
	if err != nil {
		return Config{}, fmt.Errorf("vae: config: %w", err)
	}
	c := Config{
		InChannels: q.InChannels, OutChannels: q.OutChannels, DownBlockTypes: q.DownBlockTypes, UpBlockTypes: q.UpBlockTypes,
		BlockOutChannels: q.BlockOutChannels, LayersPerBlock: q.LayersPerBlock, ActFn: q.ActFn, LatentChannels: q.LatentChannels,
		NormNumGroups: q.NormNumGroups, SampleSize: q.SampleSize, ScalingFactor: q.ScalingFactor, ForceUpcast: q.ForceUpcast,
		UseQuantConv: true, UsePostQuantConv: true, MidAttention: q.MidAttention, VQ: &q, Warnings: warnings,
	}
	if q.VQEmbedDim != nil {
		c.LatentChannels = *q.VQEmbedDim
	}
	if err = q.validate(); err == nil {
		err = c.validate()
	}
	if err != nil {
		return c, fmt.Errorf("vae: config: %w", err)
	}
	return c, nil
}

// maxEntries bounds a codebook; published ones have up to 16384 vectors.
const maxEntries = 1 << 20

// validate checks what [Config.validate] does not.
func (q *VQConfig) validate() error {
	dim := q.LatentChannels
	if q.VQEmbedDim != nil {
		dim = *q.VQEmbedDim
	}
	return config.Verify(
		config.Want("num_vq_embeddings", q.NumVQEmbeddings, q.NumVQEmbeddings >= 1 && q.NumVQEmbeddings <= maxEntries, fmt.Sprintf("1 to %d", maxEntries)),
		config.Want("latent_channels", q.LatentChannels, q.LatentChannels >= 1 && q.LatentChannels <= 1<<10, "1 to 1024"),
		config.Want("vq_embed_dim", dim, dim >= 1 && dim <= 1<<10, "1 to 1024, or null"),
		config.Want("norm_type", q.NormType, q.NormType == "group", "group"),
	)
}

// encoded is how many channels the encoder writes before quant_conv, and decoded how many
// the decoder reads behind post_quant_conv.
func (c *Config) encoded() int {
	if c.VQ != nil {
		return c.VQ.LatentChannels
	}
	return 2 * c.LatentChannels
}

func (c *Config) decoded() int {
	if c.VQ != nil {
		return c.VQ.LatentChannels
	}
	return c.LatentChannels
}
