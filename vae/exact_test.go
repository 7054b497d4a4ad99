package vae

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/golden"
	"sdgo/internal/loader"
	"sdgo/internal/nn"
)

// exactCases are models and pictures of several bands, some with bands that reach no
// edge, and others of no whole number of bands or of Winograd's tiles.
func exactCases(t *testing.T) (list []exactCase) {
	add := func(name string, v *VAE, tile int, sizes ...[2]int) {
		for _, s := range sizes {
			list = append(list, exactCase{fmt.Sprintf("%s, %d×%d", name, s[0], s[1]), v, tile, s[0], s[1]})
		}
	}
	add("tiny-sd15", load(t, golden.Model(t, "tiny-sd15"), "vae"), 32, [2]int{13, 19}, [2]int{25, 5})
	add("tiny-sd15-4blk", load(t, golden.Model(t, "tiny-sd15-4blk"), "vae"), 32, [2]int{9, 11}, [2]int{23, 5})
	// Wide enough for Winograd's convolution.
	add("wide", load(t, loader.Random{FS: fstest.MapFS{"config.json": {Data: []byte(`{"block_out_channels": [128, 128, 256], "layers_per_block": 1,
		"down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
		"up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]}`)}}}, "."), 16, [2]int{33, 9})
	return list
}

type exactCase struct {
	name       string
	v          *VAE
	tile, h, w int // of the latents
}

func (c *exactCase) latents() *tensor.Dense { return normal(2, c.v.Config.LatentChannels, c.h, c.w) }

func (c *exactCase) image() *tensor.Dense {
	f := c.v.Config.Factor() // with a rest, which the encoder leaves out
	return normal(1, c.v.Config.InChannels, f*c.h+1, f*c.w+f-1)
}

// normal is a tensor of normal numbers, the same each time.
func normal(shape ...int) *tensor.Dense {
	x, r := nn.Tensor(shape...), rand.New(rand.NewPCG(1, 2))
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(r.NormFloat64())
	}
	return x
}

// Exact tiles have the bytes of the whole.
func TestExact(t *testing.T) {
	for _, c := range exactCases(t) {
		t.Run(c.name, func(t *testing.T) {
			bands := Options{Tile: c.tile, Exact: true}
			want, err := c.v.Decode(t.Context(), c.latents())
			require.NoError(t, err)
			got, err := c.v.Decode(t.Context(), c.latents(), bands)
			require.NoError(t, err)
			require.Equal(t, want.Float32s(), got.Float32s())

			mean, err := c.v.Encode(t.Context(), c.image())
			require.NoError(t, err)
			p, err := c.v.Encode(t.Context(), c.image(), bands)
			require.NoError(t, err)
			require.Equal(t, mean.Mean.Float32s(), p.Mean.Float32s())
			require.Equal(t, mean.LogVar.Float32s(), p.LogVar.Float32s())
		})
	}
}

// The cases above have what they say: more bands than one in every stage, and such as
// reach no edge.
func TestExactBands(t *testing.T) {
	inner := 0
	for _, c := range exactCases(t) {
		for _, decode := range []bool{true, false} {
			h, w := c.h, c.w
			if !decode {
				h, w = h*c.v.Config.Factor(), w*c.v.Config.Factor()
			}
			e := c.v.newExact(decode, h, w, c.tile)
			for i := range e.stages {
				s := &e.stages[i]
				n, next := len(s.links), 0
				for r := range e.bands(s, n, h, w) {
					assert.Equal(t, next, r.from)
					next = r.upto
				}
				assert.Equal(t, s.size(n, h), next)
				if _, ok := e.inner(s, n, h, w); ok {
					inner++
				}
				h, w = s.size(n, h), s.size(n, w)
			}
		}
	}
	assert.Greater(t, inner, 10)
}

// Each precision has the bytes of its own whole.
func TestExactPrecisions(t *testing.T) {
	for _, precision := range []string{"float16", "bfloat16", "int8"} {
		v, err := LoadFS(golden.Model(t, "tiny-sd15"), "vae", &LoadOptions{Precision: precision, Threads: 3})
		require.NoError(t, err)
		defer v.Close()
		x := normal(1, 4, 13, 7)
		want, err := v.Decode(t.Context(), x)
		require.NoError(t, err)
		got, err := v.Decode(t.Context(), x, Options{Tile: 32, Exact: true})
		require.NoError(t, err)
		assert.Equal(t, want.Float32s(), got.Float32s(), precision)
	}
}

// seam is how much stronger a tiled picture jumps where tiles meet than the whole does
// anywhere: the mean change of the difference between the two, from one column or row to
// the next, in units of the whole's own mean change. At is where tiles begin and blending ends.
func seam(whole, tiled []float32, h, w int, at func(i int) bool) float64 {
	var jumps, changes float64
	var n, all int
	for i := range whole {
		y, x := i/w%h, i%w
		if x > 0 {
			changes, all = changes+math.Abs(float64(whole[i]-whole[i-1])), all+1
			if at(x) {
				jumps, n = jumps+math.Abs(float64((tiled[i]-whole[i])-(tiled[i-1]-whole[i-1]))), n+1
			}
		}
		if y > 0 && at(y) {
			jumps, n = jumps+math.Abs(float64((tiled[i]-whole[i])-(tiled[i-w]-whole[i-w]))), n+1
		}
	}
	return jumps / float64(n) / (changes / float64(all))
}

// Where plain tiles meet the picture jumps by a part of what it does anyway from pixel to
// pixel, and with exact ones not at all.
func TestSeams(t *testing.T) {
	const plain = 0.4 // seen: 0.30
	v := load(t, golden.Model(t, "tiny-sd15"), "vae")
	x := normal(1, 4, 30, 30)
	whole, err := v.Decode(t.Context(), x)
	require.NoError(t, err)
	meet := func(i int) bool { return i%48 == 0 || i%48 == 16 }
	for _, exact := range []bool{false, true} {
		tiled, err := v.Decode(t.Context(), x, Options{Tile: 64, Exact: exact})
		require.NoError(t, err)
		got := seam(whole.Float32s(), tiled.Float32s(), 240, 240, meet)
		if exact {
			assert.Zero(t, got)
			continue
		}
		assert.Greater(t, got, 0.0)
		assert.Less(t, got, plain)
	}
}

// A limit on memory that has no room for the whole, nor for two images of the highest
// level, has room for exact tiles.
func TestExactFits(t *testing.T) {
	v, err := LoadFS(golden.Model(t, "tiny-sd15-4blk"), "vae", &LoadOptions{MaxMemory: 26 << 20, Weights: "float32"})
	require.NoError(t, err)
	defer v.Close()
	v.Config.SampleSize = 128.0
	work := Work{Height: 448, Width: 192, Exact: true}
	assert.Error(t, v.Check(work))
	tile, err := v.Fit(work)
	require.NoError(t, err)
	assert.Equal(t, 128, tile)
	x := normal(1, 4, 56, 24)
	got, err := v.Decode(t.Context(), x, Options{Tile: tile, Exact: true})
	require.NoError(t, err)
	free := load(t, golden.Model(t, "tiny-sd15-4blk"), "vae")
	want, err := free.Decode(t.Context(), x)
	require.NoError(t, err)
	assert.Equal(t, want.Float32s(), got.Float32s())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = v.Decode(ctx, x, Options{Tile: tile, Exact: true})
	assert.ErrorIs(t, err, context.Canceled)
}

// An AutoencoderTiny has no statistics: its tiles are as they were.
func TestExactTiny(t *testing.T) {
	v := load(t, golden.Model(t, "tiny-taesd"), ".")
	x := normal(1, 4, 20, 20)
	want, err := v.Decode(t.Context(), x, Options{Tile: 64})
	require.NoError(t, err)
	got, err := v.Decode(t.Context(), x, Options{Tile: 64, Exact: true})
	require.NoError(t, err)
	assert.Equal(t, want.Float32s(), got.Float32s())
}

// What decoding takes with Stable Diffusion's own shapes, together with weights in float32:
// a picture of 1024×1024 is decoded in 2 GB, and one of 2048×2048 by tiles in 4 GB.
func TestPublishedSizes(t *testing.T) {
	v := load(t, loader.Random{FS: fstest.MapFS{"config.json": {Data: []byte(`{"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
		"down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
		"up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]}`)}}}, ".")
	const weights, mb = 336, 1e6
	for _, tt := range []struct {
		side, tile int
		exact      bool
		most       float64 // megabytes, with the weights
	}{
		{512, 256, false, 470},
		{512, 256, true, 640},
		{1024, 0, false, 2000},
		{1024, 512, true, 1460},
		{2048, 512, false, 850},
		{2048, 512, true, 3500},
	} {
		n, err := v.Values(Work{Height: tt.side, Width: tt.side, Tile: tt.tile, Exact: tt.exact})
		require.NoError(t, err)
		t.Logf("%d, tiles of %d, exact %v: %.0f MB", tt.side, tt.tile, tt.exact, float64(n)/mb)
		assert.Less(t, float64(n)/mb+weights, tt.most, "%d, tiles of %d, exact %v", tt.side, tt.tile, tt.exact)
	}
}
