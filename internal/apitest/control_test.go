package apitest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/internal/golden"
	"sdgo/unet"
)

// controls adds networks that steer a U-Net.
func (v *values) controls(t *testing.T, open *diffusion.Pipeline) {
	networks := golden.Networks(t)
	src, err := unet.OpenControlNet(t.Context(), networks["sd15"].Folder(t), ".", "")
	require.NoError(t, err)
	net, err := unet.LoadControlNet(t.Context(), src, nil)
	require.NoError(t, err)
	add(v, net)
	add(v, unet.ControlInput{Input: unet.Input{Latents: dense(1, 4, 8, 8), Timesteps: []float64{1}, Cond: unet.Text(dense(1, 77, 32))}, Hint: dense(1, 16, 8, 8)})
	src, err = unet.OpenT2IAdapter(t.Context(), networks["t2i-full"].Folder(t), ".", "")
	require.NoError(t, err)
	adapter, err := unet.LoadT2IAdapter(t.Context(), src, nil)
	require.NoError(t, err)
	add(v, adapter)
	loaded, err := open.LoadControlFS(networks["sd15"].Folder(t), ".")
	require.NoError(t, err)
	add(v, loaded)
	t.Cleanup(func() {
		loaded.Close()
		adapter.Close()
		net.Close()
	})
}
