package unet

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/golden"
	"sdgo/internal/nn"
	"sdgo/safetensors"
	"sdgo/safetensors/checkpoint"
)

// inMemory returns the tensors of a checkpoint in memory.
func inMemory(t *testing.T, src checkpoint.Source) *checkpoint.Memory {
	t.Helper()
	tensors := make(map[string]*tensor.Dense)
	for _, name := range src.Names() {
		shape, _, ok := src.Tensor(name)
		require.True(t, ok)
		tensors[name] = nn.Tensor(shape...)
		require.NoError(t, src.Float32s(name, 0, tensors[name].Float32s()))
	}
	m, err := checkpoint.New(src.Config(), tensors)
	require.NoError(t, err)
	require.NoError(t, src.Close())
	return m
}

// random returns a tensor of small numbers.
func random(r *rand.Rand, shape ...int) *tensor.Dense {
	x := nn.Tensor(shape...)
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(r.NormFloat64() / 4)
	}
	return x
}

// predict returns a prediction, with class labels if the model has classes.
func predict(t *testing.T, u *UNet) []float32 {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	in := Input{Latents: random(r, 2, 4, 8, 6), Timesteps: []float64{700}, Cond: Text(random(r, 2, 7, 32))}
	if u.Config.NumClassEmbeds != nil {
		in.Cond.ClassLabels = tensor.New(tensor.WithShape(2), tensor.WithBacking([]float32{2, 0}))
	}
	out, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	return out.Float32s()
}

// Tensors in memory make the model that the folder makes, in every precision. They are
// float32, and take more memory than those in the folder, which are float16, unless these
// are widened.
func TestLoadFromMemory(t *testing.T) {
	folder := golden.Model(t, "tiny-sd15")
	for _, o := range []LoadOptions{
		{}, {Weights: "float32"}, {Precision: "float16"}, {Precision: "bfloat16"}, {Precision: "int8"},
	} {
		src, err := Open(t.Context(), folder, "unet", "")
		require.NoError(t, err)
		u, err := LoadFrom(t.Context(), inMemory(t, src), &o)
		require.NoError(t, err)
		want, err := LoadFS(folder, "unet", &o)
		require.NoError(t, err)
		assert.Equal(t, want.Fingerprint(), u.Fingerprint())
		if o == (LoadOptions{}) {
			assert.Less(t, want.model.Memory().InUse(), 6*u.model.Memory().InUse()/10)
		} else {
			assert.Equal(t, want.model.Memory().InUse(), u.model.Memory().InUse())
		}
		assert.Equal(t, predict(t, want), predict(t, u), "%+v", o)
		require.NoError(t, want.Close())
		require.NoError(t, u.Close())
	}
}

// An overlay with low-rank changes of weights and a new tensor makes the model that a
// folder makes whose files hold the changed weights.
func TestLoadFromOverlay(t *testing.T) {
	const (
		linear = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"
		conv   = "mid_block.resnets.0.conv1.weight"
		table  = "class_embedding.weight"
		rank   = 3
		scale  = 0.75
	)
	r := rand.New(rand.NewPCG(3, 4))
	up := map[string]*tensor.Dense{linear: random(r, 16, rank), conv: random(r, 32, rank, 1, 1)}
	down := map[string]*tensor.Dense{linear: random(r, rank, 16), conv: random(r, rank, 32, 3, 3)}
	classes := random(r, 3, 64)
	written := folder(t, func(config *string, tensors map[string]safetensors.Tensor) {
		*config = strings.Replace(*config, `"num_class_embeds": null`, `"num_class_embeds": 3`, 1)
		for name := range up {
			tensors[name] = lowRank(t, tensors[name], up[name].Float32s(), down[name].Float32s(), rank, scale)
		}
		var err error
		tensors[table], err = safetensors.NewFloat32(table, []int{3, 64}, classes.Float32s())
		require.NoError(t, err)
	})
	plain := folder(t, func(*string, map[string]safetensors.Tensor) {})
	for _, precision := range []string{"", "int8"} {
		want, err := LoadFS(written, ".", &LoadOptions{Precision: precision})
		require.NoError(t, err)
		defer want.Close()
		src, err := Open(t.Context(), plain, ".", "")
		require.NoError(t, err)
		o := checkpoint.NewOverlay(src)
		require.NoError(t, o.SetConfig("num_class_embeds", 3))
		require.NoError(t, o.Set(table, classes))
		for name := range up {
			require.NoError(t, o.AddLowRank(name, up[name], down[name], scale))
		}
		u, err := LoadFrom(t.Context(), o, &LoadOptions{Precision: precision})
		require.NoError(t, err)
		defer u.Close()
		assert.Equal(t, want.Fingerprint(), u.Fingerprint())
		assert.Equal(t, predict(t, want), predict(t, u))
		unchanged, err := LoadFS(plain, ".", &LoadOptions{Precision: precision})
		require.NoError(t, err)
		defer unchanged.Close()
		assert.NotEqual(t, predict(t, unchanged), predict(t, u))
	}
}

// lowRank is a weight with scale·up·down added.
func lowRank(t *testing.T, w safetensors.Tensor, up, down []float32, rank int, scale float32) safetensors.Tensor {
	t.Helper()
	x, err := w.Float32s()
	require.NoError(t, err)
	width := len(x) / w.Shape[0]
	for i := range x {
		var sum float32
		for k := range rank {
			sum += float32(up[i/width*rank+k] * down[k*width+i%width])
		}
		x[i] += float32(scale * sum)
	}
	changed, err := safetensors.NewFloat32(w.Name, w.Shape, x)
	require.NoError(t, err)
	return changed
}

// broken is a checkpoint that panics when asked for one thing.
type broken struct {
	checkpoint.Source
	at     string
	closed int
}

func (b *broken) panic(at string) {
	if b.at == at {
		panic("broken")
	}
}

func (b *broken) Config() []byte { b.panic("config"); return b.Source.Config() }

func (b *broken) Tensor(name string) ([]int, string, bool) {
	b.panic("tensor")
	return b.Source.Tensor(name)
}

func (b *broken) Float32s(name string, from int, dst []float32) error {
	b.panic("numbers")
	if b.at == "error" {
		return fmt.Errorf("the disk is gone")
	}
	return b.Source.Float32s(name, from, dst)
}

func (b *broken) Changed() error { b.panic("changed"); return b.Source.Changed() }

func (b *broken) Close() error { b.closed++; return b.Source.Close() }

// What a caller's checkpoint does wrong is an error, and it is closed.
func TestBrokenSource(t *testing.T) {
	for at, want := range map[string]string{
		"config":  "unet: the checkpoint, a *unet.broken, panicked: broken",
		"tensor":  "unet: the checkpoint, a *unet.broken, panicked: broken",
		"numbers": "conv_in.weight: the checkpoint, a *unet.broken, panicked: broken",
		"error":   "conv_in.weight: the disk is gone",
		"changed": "unet: the checkpoint, a *unet.broken, panicked: broken",
	} {
		src, err := Open(t.Context(), golden.Model(t, "tiny-sd15"), "unet", "")
		require.NoError(t, err)
		b := &broken{Source: src, at: at}
		_, err = LoadFrom(t.Context(), b, nil)
		assert.ErrorContains(t, err, want, at)
		assert.Equal(t, 1, b.closed, at)
	}
	_, err := LoadFrom(t.Context(), nil, nil)
	assert.EqualError(t, err, "unet: have no checkpoint to load from")
	_, err = LoadFrom(t.Context(), (*checkpoint.Overlay)(nil), nil)
	assert.ErrorContains(t, err, "unet: config: ")
	_, err = Open(t.Context(), fstest.MapFS{}, ".", "")
	assert.ErrorContains(t, err, "unet: loader: ")
}
