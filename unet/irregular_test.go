package unet

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/golden"
	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/internal/nn"
	"sdgo/safetensors/checkpoint"
)

// irregularInput is what the reference's predictions are made from.
func irregularInput(u *UNet) Input {
	in := Input{
		Latents: golden.Numbers("input.sample", 2, u.Config.InChannels, 12, 8), Timesteps: []float64{700, 31},
		Cond: Text(golden.Numbers("input.tokens", 2, 9, u.Config.CrossAttentionDim.At(0))),
	}
	if u.Config.AdditionEmbedType != nil {
		in.Cond.PooledText, in.Cond.TimeIDs = golden.Numbers("input.pooled", 2, 40), golden.Numbers("input.ids", 2, 6)
		ids := in.Cond.TimeIDs.Float32s()
		for i := range ids {
			ids[i] = ids[i]*512 + 512
		}
	}
	if d := u.Config.TimeCondProjDim; d != nil {
		in.Cond.TimeCond = golden.Numbers("input.time_cond", 2, *d)
	}
	return in
}

// U-Nets whose levels, layers and middle differ predict what they do in the reference,
// and ask for the tensors that it has, and no other.
func TestIrregular(t *testing.T) {
	for name, tt := range golden.Irregulars(t) {
		t.Run(name, func(t *testing.T) {
			src, err := checkpoint.New(tt.Config, tt.Tensors())
			require.NoError(t, err)
			u, err := LoadFrom(t.Context(), src, nil)
			require.NoError(t, err)
			defer u.Close()
			assert.Empty(t, u.Config.Warnings, "tensors that are not used, or missing")
			in := irregularInput(u)
			out, err := u.Predict(t.Context(), in)
			require.NoError(t, err)
			golden.Close(t, tt.Prediction, out.Float32s(), tolerance, name)

			for _, branch := range []int{1, u.Branches() / 2, u.Branches() - 1} { // wherever it is cut
				s, err := u.Split(branch, 2, 12, 8, 9)
				require.NoError(t, err)
				feature := make([]float32, tensor.Shape(s.FeatureShape()).TotalSize())
				require.NoError(t, s.Head(t.Context(), in))
				require.NoError(t, s.Deep(t.Context(), feature))
				got, err := s.Tail(t.Context(), feature)
				require.NoError(t, err)
				assert.Equal(t, out.Float32s(), got.Float32s(), "branch %d", branch)
				s.Close()
			}
		})
	}
}

// single is a file in the layout of the original code that has the U-Net in place of that
// of its base.
func single(t *testing.T, c *golden.Irregular) *checkpoint.Memory {
	model := golden.SingleFileOf
	if c.Base == "tiny-sdxl" {
		model = golden.SingleFile
	}
	base, err := loader.OpenFile(t.Context(), model(t, c.Base), c.Base+".safetensors")
	require.NoError(t, err)
	defer base.Close()
	tensors := make(map[string]*tensor.Dense)
	for _, name := range base.Names() {
		if shape, _, _ := base.Tensor(name); len(shape) > 0 && !strings.HasPrefix(name, "model.diffusion_model.") {
			tensors[name] = nn.Tensor(shape...)
		}
	}
	for name, x := range c.Tensors() {
		tensors[c.Original[name]] = x
	}
	file, err := checkpoint.New(nil, tensors)
	require.NoError(t, err)
	return file
}

// Of a single file the structure is told by names and shapes: the U-Net is that of the
// folder, to the last bit.
func TestIrregularSingleFile(t *testing.T) {
	for name, tt := range golden.Irregulars(t) {
		if tt.Base == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			m, err := ldm.Open(single(t, tt))
			require.NoError(t, err)
			assert.Empty(t, m.Unused)
			u, err := LoadFrom(t.Context(), m.Parts[ldm.UNet], nil)
			require.NoError(t, err)
			defer u.Close()
			assert.Empty(t, u.Config.Warnings)
			out, err := u.Predict(t.Context(), irregularInput(u))
			require.NoError(t, err)
			golden.Close(t, tt.Prediction, out.Float32s(), tolerance, name)
		})
	}
}

// A structure that is not a U-Net's is refused by the key that says it.
func TestIrregularErrors(t *testing.T) {
	const three = `"block_out_channels": [32, 32, 32], "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
		"up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], "attention_head_dim": 4`
	for keys, want := range map[string]string{
		`"transformer_layers_per_block": [[1, 1], [2, 2], [4, 4]]`:                                                      "reverse_transformer_layers_per_block: have [], want the way up said, too",
		`"transformer_layers_per_block": [[1, 1], [2, 2], [4]], "reverse_transformer_layers_per_block": [[4, 4], 2, 1]`: "reverse_transformer_layers_per_block: have [[4 4] [2] [1]], want null, or",
		`"transformer_layers_per_block": [1, [2, 2], -4], "reverse_transformer_layers_per_block": 1`:                    "transformer_layers_per_block: have [[1] [2 2] [-4]], want a number of blocks",
		`"transformer_layers_per_block": [1, 2]`:                                                                        "transformer_layers_per_block: have [[1] [2]], want a number of blocks",
		`"transformer_layers_per_block": [1, [], 1]`:                                                                    "transformer_layers_per_block: have [[1] [] [1]], want",
		`"transformer_layers_per_block": [1, "2", 1]`:                                                                   `transformer_layers_per_block: have [1, "2", 1], want an integer or a list`,
		`"reverse_transformer_layers_per_block": [400, 1, 1]`:                                                           "blocks, want at most 512",
		`"mid_block_type": "UNetMidBlock2DSimpleCrossAttn"`:                                                             "mid_block_type: have UNetMidBlock2DSimpleCrossAttn, want UNetMidBlock2DCrossAttn, UNetMidBlock2D or null",
	} {
		_, err := ParseConfig([]byte("{" + three + ", " + keys + "}"))
		if assert.ErrorContains(t, err, want) {
			assert.True(t, strings.HasPrefix(err.Error(), "unet: config: "))
		}
	}
	c, err := ParseConfig([]byte("{" + three + `, "transformer_layers_per_block": [1, 2, [3, 4]], "reverse_transformer_layers_per_block": [[4, 3, 2], 1, 1]}`))
	require.NoError(t, err)
	assert.Equal(t, "[[1] [2] [3 4]]", fmt.Sprint(c.TransformerLayersPerBlock))
}
