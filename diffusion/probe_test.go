package diffusion

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/safetensors/checkpoint"
)

// probed is what diffusers makes, in float64, of tiny-sd21-v: the mean of its prediction
// for latents and text of 0.5 at time 999, less 0.5.
const (
	probed = -0.5234962196113494
	// probeTolerance is that of U-Nets in float32.
	probeTolerance = 1e-5
)

// Where nothing says what a model of Stable Diffusion 2 predicts, the U-Net is asked.
func TestProbe(t *testing.T) {
	mean, err := probeMean(t.Context(), load(t, "tiny-sd21-v", nil).UNet)
	require.NoError(t, err)
	assert.InDelta(t, probed, mean, probeTolerance)

	files := golden.SingleFileOf(t, "tiny-sd21-v")
	golden.Tokenizer(t, files, "tiny-sd21-v")
	path := onDisk(t, files, "tiny-sd21-v")
	r, err := Inspect(path)
	require.NoError(t, err)
	assert.Empty(t, r.Prediction)
	assert.Equal(t, probeLater, r.DecidedBy)
	for _, tt := range []struct {
		bias float32 // that is added to what the U-Net predicts
		want string
		size int
	}{{0, epsilon, 512}, {-0.4, epsilon, 512}, {-0.6, vPrediction, 768}} {
		p, err := Load(path, &LoadOptions{Overlay: biased(t, tt.bias)})
		require.NoError(t, err)
		assert.Equal(t, tt.want, p.Scheduler.PredictionType)
		assert.Equal(t, tt.want, p.Identity.Prediction)
		assert.Regexp(t, `^a probe of the U-Net, whose mean was -\d\.\d\d \(below -1 it is v\)$`, p.Identity.DecidedBy)
		assert.Contains(t, p.Warnings[len(p.Warnings)-1], "tiny-sd21-v.safetensors: nothing says whether this model of Stable Diffusion 2 predicts v")
		width, _ := p.defaultSize()
		assert.Equal(t, tt.size*p.VAE.Config.Factor()/8, width)
		require.NoError(t, p.Close())
	}

	beside := filepath.Join(filepath.Dir(path), "tiny-sd21-v.json")
	require.NoError(t, os.WriteFile(beside, []byte(`{"unet": {"sample_size": 16}}`), 0o600))
	p, err := Load(path, nil)
	require.NoError(t, err)
	defer p.Close()
	width, _ := p.defaultSize()
	assert.Equal(t, 16*p.VAE.Config.Factor(), width)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = probeMean(ctx, p.UNet)
	assert.ErrorIs(t, err, context.Canceled)
}

// biased returns an overlay that adds to what the U-Net predicts.
func biased(t *testing.T, bias float32) func(string, checkpoint.Source) (checkpoint.Source, error) {
	return func(part string, src checkpoint.Source) (checkpoint.Source, error) {
		if part != "unet" {
			return src, nil
		}
		const key = "conv_out.bias"
		shape, _, _ := src.Tensor(key)
		x := make([]float32, tensor.Shape(shape).TotalSize())
		require.NoError(t, src.Float32s(key, 0, x))
		for i := range x {
			x[i] += bias
		}
		over := checkpoint.NewOverlay(src)
		return over, over.Set(key, engine.Tensor(x, shape...))
	}
}

// Tensors that later models of Stable Diffusion XL have say what they predict, and that
// the noise levels end without any signal.
func TestMarks(t *testing.T) {
	files := changedFile(t, golden.SingleFile(t, "tiny-sdxl"), "tiny-sdxl", all, nil, "v_pred", "ztsnr")
	golden.Tokenizer(t, files, "tiny-sd15")
	addXL(t, files)
	path := onDisk(t, files, "tiny-sdxl")
	p, err := Load(path, nil)
	require.NoError(t, err)
	defer p.Close()
	assert.Equal(t, vPrediction, p.Scheduler.PredictionType)
	assert.Equal(t, "the tensor v_pred", p.Identity.DecidedBy)
	assert.True(t, p.Scheduler.RescaleBetasZeroSNR)
	_, err = p.TextToImage(t.Context(), prompt, &Options{Steps: 2, Width: 64, Height: 64})
	assert.NoError(t, err)
	r, err := Inspect(path)
	require.NoError(t, err)
	assert.Zero(t, r.Count(Unused))
}
