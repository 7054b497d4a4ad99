package unet

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/nn"
)

// FuzzWeights changes the header of a weight file, and one of its bytes: the model is
// refused, or predicts.
func FuzzWeights(f *testing.F) {
	model := golden.Model(f, "tiny-sd15")
	config, err := fs.ReadFile(model, "unet/config.json")
	require.NoError(f, err)
	weights, err := fs.ReadFile(model, "unet/diffusion_pytorch_model.safetensors")
	require.NoError(f, err)
	n := 8 + int(binary.LittleEndian.Uint64(weights))
	body := weights[n:]
	f.Add(weights[:n], uint32(0), byte(0))
	f.Add(weights[:n], uint32(100000), byte(255))
	f.Fuzz(func(t *testing.T, head []byte, at uint32, v byte) {
		data := append(bytes.Clone(head), body...)
		data[len(head)+int(at)%len(body)] = v
		u, err := LoadFS(fstest.MapFS{"config.json": {Data: config}, "diffusion_pytorch_model.safetensors": {Data: data}}, ".", &LoadOptions{Threads: 1})
		if err != nil {
			require.ErrorContains(t, err, "unet: ")
			require.Less(t, len(err.Error()), 10_000)
			return
		}
		defer u.Close()
		out, err := u.Predict(t.Context(), Input{Latents: nn.Tensor(1, 4, 2, 2), Cond: Text(nn.Tensor(1, 3, 32)), Timesteps: []float64{1}})
		require.NoError(t, err)
		require.Len(t, out.Float32s(), 16)
	})
}
