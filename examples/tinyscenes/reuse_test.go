package tinyscenes_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/internal/golden"
	"sdgo/safetensors"
	"sdgo/sampler"
	"sdgo/unet"
)

// readReuse returns a func that reads testdata/reuse.safetensors.
func readReuse(t *testing.T) func(name string) *tensor.Dense {
	file, err := safetensors.OpenFS(os.DirFS("testdata"), "reuse.safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	return func(name string) *tensor.Dense {
		x, ok := file.Tensor(name)
		require.True(t, ok, name)
		v, err := x.Float32s()
		require.NoError(t, err)
		return tensor.New(tensor.WithShape(x.Shape...), tensor.WithBacking(v))
	}
}

// DeepCache in diffusers gives the same latents, at every branch that it can name.
func TestDeepCache(t *testing.T) {
	read := readReuse(t)
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	require.NoError(t, err)
	defer pipe.Close()
	for branch := range 5 {
		o := &diffusion.Options{Steps: 10, Guidance: tinyscenes.Guidance, Seed: 1, Sampler: sampler.DDIM{}}
		if branch > 0 {
			o.Reuse = diffusion.Reuse{Interval: 3, Branch: branch}
		}
		r, err := pipe.TextToImage(t.Context(), "a red house on a green hill under a yellow sun", o)
		require.NoError(t, err)
		golden.Close(t, read(fmt.Sprintf("deepcache.%d", branch)).Float32s(), r.Latents.Float32s(), tolerance, fmt.Sprintf("branch %d", branch))
	}
}

// A prediction with tokens merged is what diffusers and tomesd give with the same
// destinations.
func TestTokenMerging(t *testing.T) {
	read := readReuse(t)
	plain, err := unet.LoadFS(tinyscenes.FS, "unet", nil)
	require.NoError(t, err)
	defer plain.Close()
	for _, m := range []unet.TokenMerging{{Ratio: 0.5, Levels: 1}, {Ratio: 0.7, Levels: 2}} {
		u, err := plain.WithTokenMerging(m)
		require.NoError(t, err)
		out, err := u.Predict(t.Context(), unet.Input{Latents: read("merge.latents"), Cond: read("merge.cond"), Timesteps: []float64{500}})
		require.NoError(t, err)
		golden.Close(t, read(fmt.Sprintf("merge.%d.%v", m.Levels, m.Ratio)).Float32s(), out.Float32s(), 1e-5, fmt.Sprintf("%+v", m))
	}
}
