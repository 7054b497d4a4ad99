//go:build gpu && cgo && linux

package cuda_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/clip"
	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/safetensors/checkpoint"
	"sdgo/unet"
)

// goldenTolerance is what a golden of the reference implementation may differ by in
// float32, relative to its largest number: the processor's.
const goldenTolerance = 1e-5

// The U-Net and the text encoders of SDXL's structure give in float32 what the reference
// implementation does.
func TestGoldensXL(t *testing.T) {
	ctx := in(t, open(t))
	t.Run("unet", func(t *testing.T) {
		u, err := unet.LoadFSContext(ctx, golden.Model(t, "tiny-sdxl"), "unet", &unet.LoadOptions{Precision: "float32"})
		require.NoError(t, err)
		defer u.Close()
		c := golden.Open(t, "modules/unet_sdxl")
		var info struct {
			Cases []struct {
				Timesteps []float64
				Outputs   []string
			}
		}
		c.Decode(&info)
		for run, k := range info.Cases {
			tensor := func(name string) *tensor.Dense {
				name = fmt.Sprintf("%d.%s", run, name)
				return engine.Tensor(c.Float32s(name), c.Shape(name)...)
			}
			input := unet.Input{Latents: tensor("sample"), Cond: unet.Text(tensor("encoder_hidden_states"))}
			input.Cond.PooledText, input.Cond.TimeIDs = tensor("text_embeds"), tensor("time_ids")
			for i, name := range k.Outputs {
				input.Timesteps = []float64{k.Timesteps[i]}
				out, err := u.Predict(ctx, input)
				require.NoError(t, err, fault())
				golden.Close(t, c.Float32s(name), out.Float32s(), goldenTolerance, name)
			}
		}
	})
	for i, dir := range []string{"text_encoder", "text_encoder_2"} {
		t.Run(dir, func(t *testing.T) {
			src, err := clip.OpenTextEncoder(ctx, golden.Model(t, "tiny-sdxl"), dir, "")
			require.NoError(t, err)
			load := []func(context.Context, checkpoint.Source, *clip.LoadOptions) (*clip.TextEncoder, error){clip.LoadTextEncoderFrom, clip.LoadProjectedFrom}[i]
			e, err := load(ctx, src, &clip.LoadOptions{Precision: "float32"})
			require.NoError(t, err)
			defer e.Close()
			c := golden.Open(t, fmt.Sprint("modules/text_encoder_sdxl_", i+1))
			var ids [][]int
			width := c.Shape("input_ids")[1]
			for j, id := range c.Int64s("input_ids") {
				if j%width == 0 {
					ids = append(ids, nil)
				}
				ids[len(ids)-1] = append(ids[len(ids)-1], int(id))
			}
			out, err := e.Encode(ctx, ids, 0)
			require.NoError(t, err, fault())
			golden.Close(t, c.Float32s("last_hidden_state"), out.Tokens.Float32s(), goldenTolerance, "tokens")
			pooled := []string{"pooler_output", "text_embeds"}[i]
			golden.Close(t, c.Float32s(pooled), out.Pooled.Float32s(), goldenTolerance, pooled)
		})
	}
}
