//go:build gpu && cgo && linux

package cuda_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/clip"
	"sdgo/internal/device"
	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/model"
	"sdgo/unet"
	"sdgo/vae"
)

// networkTolerances are relative to the largest output of a whole network, which rounds
// some dozens of times. In float32 it is what the goldens allow the processor.
var networkTolerances = map[string]float64{"float32": 1e-5, "float16": 1e-2, "bfloat16": 6e-2}

// Whole networks of each structure give on a device what they give on the processor,
// which other tests hold to the reference implementation.
func TestNetworks(t *testing.T) {
	networks := map[string]func(t *testing.T, ctx context.Context, name, precision string) []float32{
		"text encoder": encode, "unet": predict, "vae": decode,
	}
	d := open(t)
	for _, name := range []string{"tiny-sd15", "tiny-sd21-v"} {
		for kind, run := range networks {
			want := run(t, in(t, nil), name, "float32")
			for precision, tolerance := range networkTolerances {
				t.Run(fmt.Sprint(name, "/", kind, "/", precision), func(t *testing.T) {
					compare(t, want, run(t, in(t, d), name, precision), tolerance)
				})
			}
		}
	}
}

// in returns a ctx in which models are loaded to a device; nil is the processor.
func in(t *testing.T, d device.Device) context.Context {
	eng, err := engine.New(&engine.Options{Device: d})
	require.NoError(t, err)
	return model.NewSession(eng).In(t.Context())
}

func normal(seed uint64, shape ...int) *tensor.Dense {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, tensor.Shape(shape).TotalSize())
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return engine.Tensor(x, shape...)
}

func encode(t *testing.T, ctx context.Context, name, precision string) []float32 {
	e, err := clip.LoadTextEncoderFSContext(ctx, golden.Model(t, name), "text_encoder", &clip.LoadOptions{Precision: precision})
	require.NoError(t, err)
	defer e.Close()
	ids := make([]int, e.Config.MaxPositions)
	for i := range ids {
		ids[i] = i * 7 % e.Config.VocabSize
	}
	out, err := e.Encode(ctx, [][]int{ids, ids}, 0)
	require.NoError(t, err, fault())
	return append(out.Tokens.Float32s(), out.Pooled.Float32s()...)
}

func predict(t *testing.T, ctx context.Context, name, precision string) []float32 {
	u, err := unet.LoadFSContext(ctx, golden.Model(t, name), "unet", &unet.LoadOptions{Precision: precision})
	require.NoError(t, err)
	defer u.Close()
	out, err := u.Predict(ctx, unet.Input{
		Latents: normal(1, 2, u.Config.InChannels, 12, 10), Timesteps: []float64{961.5},
		Cond: unet.Text(normal(2, 2, 77, u.Config.CrossAttentionDim.At(0))),
	})
	require.NoError(t, err, fault())
	return out.Float32s()
}

func decode(t *testing.T, ctx context.Context, name, precision string) []float32 {
	v, err := vae.LoadFSContext(ctx, golden.Model(t, name), "vae", &vae.LoadOptions{Precision: precision})
	require.NoError(t, err)
	defer v.Close()
	out, err := v.Decode(ctx, normal(3, 1, v.Config.LatentChannels, 8, 6))
	require.NoError(t, err, fault())
	return out.Float32s()
}
