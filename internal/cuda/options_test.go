//go:build gpu && cgo && linux

package cuda_test

import (
	"image"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/internal/cuda/sim"
	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/unet"
	"sdgo/vae"
)

// What a device has no form of is an error that names it when a model is loaded.
func TestRefused(t *testing.T) {
	software(t)
	model := golden.Model(t, "tiny-sd15")
	_, err := diffusion.LoadFS(model, &diffusion.LoadOptions{Device: diffusion.CUDA(0), Precision: diffusion.Int8})
	assert.ErrorContains(t, err, `have "int8", want float32, float16 or`)
	_, err = diffusion.LoadFS(model, &diffusion.LoadOptions{Device: diffusion.CUDA(0), MaxMemory: 100 << 10})
	assert.ErrorIs(t, err, engine.ErrTooLarge)
}

// Two devices make pictures at once, each as if it were alone, and one goes on when the
// other is closed.
func TestTwoDevices(t *testing.T) {
	software(t)
	sim.Set("devices", 2)
	before := held()
	draw := func(pipe *diffusion.Pipeline) []byte {
		result, err := pipe.TextToImage(t.Context(), "a", &diffusion.Options{Width: 16, Height: 16, Steps: 1, Seed: 1})
		if !assert.NoError(t, err) {
			return nil
		}
		return result.Images[0].Pix
	}
	var pipes []*diffusion.Pipeline
	for i := range 2 {
		pipe, err := diffusion.LoadFS(golden.Model(t, "tiny-sd15"), &diffusion.LoadOptions{Device: diffusion.CUDA(i)})
		require.NoError(t, err)
		pipes = append(pipes, pipe)
	}
	want := draw(pipes[0])
	var wait sync.WaitGroup
	for range 2 {
		for _, pipe := range pipes {
			wait.Go(func() { assert.True(t, slices.Equal(want, draw(pipe))) })
		}
	}
	wait.Wait()
	require.NoError(t, pipes[0].Close())
	assert.True(t, slices.Equal(want, draw(pipes[1])))
	require.NoError(t, pipes[1].Close())
	assert.Equal(t, before, held())
}

// The small autoencoder, with its activations and clamps, gives on a device what it gives
// on the processor.
func TestSmallAutoencoder(t *testing.T) {
	d := open(t)
	run := func(v *vae.VAE) []float32 {
		p, err := v.Encode(t.Context(), normal(1, 1, 3, 16, 24))
		require.NoError(t, err, fault())
		out, err := v.Decode(t.Context(), normal(2, 1, v.Config.LatentChannels, 3, 2))
		require.NoError(t, err, fault())
		return append(p.Mean.Float32s(), out.Float32s()...)
	}
	model := golden.Model(t, "tiny-taesd")
	onCPU, err := vae.LoadFS(model, ".", nil)
	require.NoError(t, err)
	defer onCPU.Close()
	want := run(onCPU)
	for precision, tolerance := range networkTolerances {
		v, err := vae.LoadFSContext(in(t, d), model, ".", &vae.LoadOptions{Precision: precision})
		require.NoError(t, err)
		compare(t, want, run(v), tolerance)
		require.NoError(t, v.Close())
	}
}

// A U-Net whose tokens are hidden in part gives on a device what it gives on the processor.
func TestTokenMask(t *testing.T) {
	d := open(t)
	model := golden.Model(t, "tiny-sd15")
	run := func(u *unet.UNet) []float32 {
		cond := unet.Text(normal(2, 2, 5, u.Config.CrossAttentionDim.At(0)))
		cond.TokenMask = engine.Tensor([]float32{1, 1, 0, 1, 0, 0, 1, 1, 1, 1}, 2, 5)
		out, err := u.Predict(t.Context(), unet.Input{Latents: normal(1, 2, 4, 4, 6), Timesteps: []float64{501}, Cond: cond})
		require.NoError(t, err, fault())
		return out.Float32s()
	}
	onCPU, err := unet.LoadFS(model, "unet", nil)
	require.NoError(t, err)
	defer onCPU.Close()
	want := run(onCPU)
	for precision, tolerance := range networkTolerances {
		u, err := unet.LoadFSContext(in(t, d), model, "unet", &unet.LoadOptions{Precision: precision})
		require.NoError(t, err)
		compare(t, want, run(u), tolerance)
		require.NoError(t, u.Close())
	}
}

// Pictures from pictures, and with masks, are on a device those of the processor.
func TestTasks(t *testing.T) {
	software(t)
	img := image.NewNRGBA(image.Rect(0, 0, 16, 16))
	mask := image.NewGray(img.Bounds())
	for i := range img.Pix {
		img.Pix[i] = uint8(i*7 | 3)
	}
	for i := range 128 {
		mask.Pix[i] = 255
	}
	run := func(o *diffusion.LoadOptions) (pix [][]byte) {
		pipe, err := diffusion.LoadFS(golden.Model(t, "tiny-sd15"), o)
		require.NoError(t, err)
		defer pipe.Close()
		options := &diffusion.Options{Width: 16, Height: 16, Steps: 2, Seed: 1, Strength: 0.9}
		from, err := pipe.ImageToImage(t.Context(), "a", img, options)
		require.NoError(t, err)
		inpainted, err := pipe.Inpaint(t.Context(), "a", img, mask, options)
		require.NoError(t, err)
		return [][]byte{from.Images[0].Pix, inpainted.Images[0].Pix}
	}
	want := run(nil)
	for precision, least := range map[string]float64{diffusion.Float32: 75, "": 40} {
		for i, have := range run(&diffusion.LoadOptions{Device: diffusion.CUDA(0), Precision: precision}) {
			assert.GreaterOrEqual(t, golden.PSNR(want[i], have), least, "%s %d", precision, i)
		}
	}
}
