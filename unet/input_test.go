package unet

import (
	"context"
	"io/fs"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/model"
	"sdgo/internal/nn"
	"sdgo/safetensors"
)

// folder returns a copy of the tiny model's folder that a test may change.
func folder(t *testing.T, change func(config *string, tensors map[string]safetensors.Tensor)) fstest.MapFS {
	fsys := golden.Model(t, "tiny-sd15")
	file, err := safetensors.OpenFS(fsys, "unet/diffusion_pytorch_model.safetensors")
	require.NoError(t, err)
	tensors := map[string]safetensors.Tensor{}
	for _, name := range file.Names() {
		x, _ := file.Tensor(name)
		data := make([]float32, x.Len())
		require.NoError(t, x.Float32sInto(data))
		tensors[name], err = safetensors.NewFloat32(name, x.Shape, data)
		require.NoError(t, err)
	}
	config := readAll(t, fsys, "unet/config.json")
	change(&config, tensors)
	var list []safetensors.Tensor
	for _, x := range tensors {
		list = append(list, x)
	}
	var buf strings.Builder
	require.NoError(t, safetensors.Write(&buf, list, nil))
	return fstest.MapFS{
		"config.json":                         {Data: []byte(config)},
		"diffusion_pytorch_model.safetensors": {Data: []byte(buf.String())},
	}
}

func TestBadInput(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	good := Input{Latents: nn.Tensor(2, 4, 8, 8), Cond: Text(nn.Tensor(2, 77, 32)), Timesteps: []float64{1}}
	_, err := u.Predict(t.Context(), good)
	require.NoError(t, err)
	for _, tt := range []struct {
		want   string
		change func(*Input)
	}{
		{"unet: latents: have none", func(in *Input) { in.Latents = nil }},
		{"unet: latents: have shape [2 5 8 8], want [-1 4 -1 -1]", func(in *Input) { in.Latents = nn.Tensor(2, 5, 8, 8) }},
		{"unet: tokens: have shape [1 77 32], want [2 -1 32]", func(in *Input) { in.Cond.Tokens = nn.Tensor(1, 77, 32) }},
		{"unet: timesteps: have 3, want 1 or 2", func(in *Input) { in.Timesteps = []float64{1, 2, 3} }},
		{"unet: timesteps: number 0 is NaN, want a number from 0 to 999", func(in *Input) { in.Timesteps = []float64{math.NaN()} }},
		{"unet: timesteps: number 1 is +Inf, want", func(in *Input) { in.Timesteps = []float64{1, math.Inf(1)} }},
		{"unet: timesteps: number 0 is -1, want", func(in *Input) { in.Timesteps = []float64{-1} }},
		{"unet: timesteps: number 1 is 1000, want", func(in *Input) { in.Timesteps = []float64{1, 1000} }},
		{"unet: timesteps: number 0 is -Inf, want", func(in *Input) {
			in.Timesteps, in.TimestepRange = []float64{math.Inf(-1)}, [2]float64{math.Inf(-1), math.Inf(1)}
		}},
		{"unet: timesteps: number 0 is 2000, want a number from 0 to 1999", func(in *Input) {
			in.Timesteps, in.TimestepRange = []float64{2000}, [2]float64{0, 1999}
		}},
		{"unet: class labels: have them, want none: the U-Net takes tokens [-1 -1 32]", func(in *Input) { in.Cond.ClassLabels = nn.Tensor(2) }},
	} {
		in := good
		tt.change(&in)
		_, err := u.Predict(t.Context(), in)
		assert.ErrorContains(t, err, tt.want)
	}

	small, err := LoadFS(golden.Model(t, "tiny-sd15"), "unet", &LoadOptions{MaxMemory: 2 << 20})
	require.NoError(t, err)
	defer small.Close()
	assert.ErrorContains(t, small.Check(1, 512, 512, 77), "more than the limit of 2.0 MiB")
	assert.Error(t, small.Check(1, 1<<20, 1<<20, 77))
	_, err = small.Predict(t.Context(), Input{Latents: nn.Tensor(1, 4, 512, 512), Cond: Text(nn.Tensor(1, 77, 32)), Timesteps: []float64{1}})
	var memory *engine.MemoryError
	assert.ErrorAs(t, err, &memory)
}

func TestClosedAndCancelled(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	in := Input{Latents: nn.Tensor(1, 4, 8, 8), Cond: Text(nn.Tensor(1, 77, 32)), Timesteps: []float64{1}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := u.Predict(ctx, in)
	assert.ErrorIs(t, err, context.Canceled)
	require.NoError(t, u.Close())
	_, err = u.Predict(t.Context(), in)
	assert.ErrorIs(t, err, model.ErrClosed)
	assert.NoError(t, u.Close())
}

func readAll(t *testing.T, fsys fs.FS, name string) string {
	data, err := fs.ReadFile(fsys, name)
	require.NoError(t, err)
	return string(data)
}
