package adapter_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/adapter"
	"sdgo/internal/golden"
	models "sdgo/internal/model"
	"sdgo/safetensors/checkpoint"
	"sdgo/unet"
)

// flyTolerance is for a prediction of a U-Net whose changed weights are summed in another
// order, relative to the largest number.
const flyTolerance = 2e-5

// predict is a prediction of a U-Net of tiny-sd15's shape.
func predict(t testing.TB, u *unet.UNet) []float32 {
	t.Helper()
	y, err := u.Predict(t.Context(), unet.Input{Latents: numbers(2, 4, 8, 8), Timesteps: []float64{400}, Cond: unet.Text(numbers(2, 7, 32))})
	require.NoError(t, err)
	return y.Float32s()
}

// numbers are some between -1 and 1.
func numbers(shape ...int) *tensor.Dense {
	x := make([]float32, tensor.Shape(shape).TotalSize())
	for i := range x {
		x[i] = float32(i*i*7%19)/9 - 1
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(x))
}

// merged is a U-Net with adapters merged into its weights.
func merged(t testing.TB, weights []float64, names ...string) *unet.UNet {
	var uses []adapter.Use
	for i, name := range names {
		f, err := adapter.Open(t.Context(), os.DirFS("testdata"), name)
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		uses = append(uses, adapter.Use{File: f, Weight: weights[i]})
	}
	src, _, err := adapter.Merge(t.Context(), map[string]checkpoint.Source{adapter.UNet: model(t, "tiny-sd15")}, uses...)
	require.NoError(t, err)
	u, err := unet.LoadFrom(t.Context(), src[adapter.UNet], nil)
	require.NoError(t, err)
	t.Cleanup(func() { u.Close() })
	return u
}

// loaded is an adapter that was loaded for a U-Net.
func loaded(t testing.TB, u *unet.UNet, name string) *adapter.Loaded {
	l, err := adapter.Load(t.Context(), os.DirFS("testdata"), name, map[string]*models.Model{adapter.UNet: models.Of(u)})
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

func wanted(l *adapter.Loaded, weight float64) adapter.Wanted {
	return adapter.Wanted{Loaded: l, Weight: func(string, string) float64 { return weight }}
}

// Every kind, computed beside the layers, gives the prediction that the merged weights
// give, alone and with others.
func TestBeside(t *testing.T) {
	files, err := filepath.Glob("testdata/*.want.safetensors")
	require.NoError(t, err)
	u, err := unet.LoadFS(golden.Model(t, "tiny-sd15"), "unet", nil)
	require.NoError(t, err)
	defer u.Close()
	plain := predict(t, u)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".want.safetensors")
		if strings.HasSuffix(name, "-0.6") {
			continue
		}
		name += ".safetensors"
		t.Run(name, func(t *testing.T) {
			a, b := loaded(t, u, name), loaded(t, u, "lora-tucker.safetensors")
			set := adapter.NewSet(adapter.UNet, []adapter.Wanted{wanted(a, 0.8)})
			have := predict(t, models.With(u, set.Adapted))
			assert.NotEqual(t, plain, have)
			golden.Close(t, predict(t, merged(t, []float64{0.8}, name)), have, flyTolerance, "alone")

			set = adapter.NewSet(adapter.UNet, []adapter.Wanted{wanted(a, 0.4), wanted(b, -0.5)})
			set.At([]float64{2, 1}) // another step
			have = predict(t, models.With(u, set.Adapted))
			golden.Close(t, predict(t, merged(t, []float64{0.8, -0.5}, name, "lora-tucker.safetensors")), have, flyTolerance, "with another")
		})
	}
	assert.Equal(t, plain, predict(t, u), "the model's own weights")
	assert.Nil(t, adapter.NewSet(adapter.UNet, []adapter.Wanted{wanted(loaded(t, u, "ia3.safetensors"), 0)}))
	assert.Nil(t, adapter.NewSet(adapter.TextEncoder, []adapter.Wanted{wanted(loaded(t, u, "ia3.safetensors"), 1)}))
}
