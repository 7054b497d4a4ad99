package unet

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"sdgo/internal/nn"
)

// BenchmarkStep is one guided step of the model in the folder SDGO_MODEL, which
// holds unet/ with weights in float32: two samples of 64×64 latents, 77 tokens.
func BenchmarkStep(b *testing.B) {
	dir := os.Getenv("SDGO_MODEL")
	if dir == "" {
		b.Skip("SDGO_MODEL names no folder")
	}
	u, err := Load(filepath.Join(dir, "unet"), nil)
	require.NoError(b, err)
	defer u.Close()
	for _, side := range []int{32, 64} {
		b.Run(map[int]string{32: "32x32", 64: "64x64"}[side], func(b *testing.B) {
			in := Input{
				Latents: nn.Tensor(2, u.Config.InChannels, side, side), Timesteps: []float64{500},
				Cond: Text(nn.Tensor(2, 77, u.Config.CrossAttentionDim.At(0))),
			}
			r := rand.New(rand.NewPCG(1, 1))
			for _, x := range [][]float32{in.Latents.Float32s(), in.Cond.Tokens.Float32s()} {
				for i := range x {
					x[i] = float32(r.NormFloat64())
				}
			}
			for b.Loop() {
				_, err := u.Predict(b.Context(), in)
				require.NoError(b, err)
			}
		})
	}
}
