package tinyscenes_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
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
	if testing.Short() {
		t.Skip("many steps")
	}
	read := readReuse(t)
	pipe := plain(t)
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

// callTolerance is for one call of the U-Net, relative to the largest value.
const callTolerance = 1e-5

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
		out, err := u.Predict(t.Context(), unet.Input{Latents: read("merge.latents"), Cond: unet.Text(read("merge.cond")), Timesteps: []float64{500}})
		require.NoError(t, err)
		golden.Close(t, read(fmt.Sprintf("merge.%d.%v", m.Levels, m.Ratio)).Float32s(), out.Float32s(), callTolerance, fmt.Sprintf("%+v", m))
	}
}

// The settings that the README recommends stay close to the exact pictures. The
// limits are about 5 dB below the worst picture of go run ./examples/internal/deviation.
func TestDeviation(t *testing.T) {
	if testing.Short() {
		t.Skip("many steps")
	}
	pipe := plain(t)
	for _, tt := range []struct {
		name    string
		reuse   diffusion.Reuse
		merging unet.TokenMerging
		reused  bool
		limit   float64 // PSNR in dB
	}{
		{"interval 2, branch 1", diffusion.Reuse{Interval: 2, Branch: 1}, unet.TokenMerging{}, true, 42},
		{"interval 3", diffusion.Reuse{Interval: 3}, unet.TokenMerging{}, true, 41},
		{"threshold", diffusion.Reuse{Threshold: 0.1}, unet.TokenMerging{}, true, 38},
		{"merging", diffusion.Reuse{}, unet.TokenMerging{Ratio: 0.5}, false, 36},
		{"both", diffusion.Reuse{Interval: 2}, unet.TokenMerging{Ratio: 0.25}, true, 39},
	} {
		for _, prompt := range []string{"a red house on a green hill under a yellow sun", "clouds over a white tower on a green hill"} {
			o := recommended()
			o.Reuse, o.TokenMerging = tt.reuse, tt.merging
			r, err := pipe.TextToImage(t.Context(), prompt, o)
			require.NoError(t, err)
			db := golden.PSNR(r.Images[0].Pix, exact(t, prompt))
			t.Logf("%s, %s: %.1f dB, reused in %v of %d calls", tt.name, prompt, db, r.Reused, r.Timings.Calls)
			assert.Greater(t, db, tt.limit, "%s, %s", tt.name, prompt)
			assert.Less(t, db, changed, "%s: the setting changed nothing", tt.name)
			if tt.reused {
				assert.Greater(t, r.Reused[0], r.Timings.Calls/3, tt.name)
			}
		}
	}
}
