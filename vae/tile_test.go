package vae

import (
	"context"
	"fmt"
	"math"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/loader"
	"sdgo/internal/nn"
	"sdgo/safetensors"
)

// testdata/gen.py made the goldens with diffusers. The picture is no whole number
// of tiles, and the last tiles are slivers.
func TestTileGoldens(t *testing.T) {
	file, err := safetensors.OpenFS(os.DirFS("testdata"), "tiles.safetensors")
	require.NoError(t, err)
	defer file.Close()
	values := func(name string) []float32 {
		x, ok := file.Tensor(name)
		require.True(t, ok, name)
		v, err := x.Float32s()
		require.NoError(t, err)
		return v
	}
	v := load(t, golden.Model(t, "tiny-sd15-4blk"), "vae")
	latents, image := nn.Tensor(2, 4, 9, 11), nn.Tensor(2, 3, 72, 88)
	for i := range 2 { // each image of a batch is that one
		copy(latents.Float32s()[i*4*9*11:], values("latent"))
		copy(image.Float32s()[i*3*72*88:], values("image"))
	}
	for _, tile := range []int{32, 64} {
		out, err := v.Decode(t.Context(), latents, Options{Tile: tile})
		require.NoError(t, err)
		p, err := v.Encode(t.Context(), image, Options{Tile: tile})
		require.NoError(t, err)
		for i := range 2 {
			for _, c := range []struct {
				name string
				got  []float32
			}{{"decoded", out.Float32s()}, {"mean", p.Mean.Float32s()}, {"logvar", p.LogVar.Float32s()}} {
				name := fmt.Sprintf("%d.%s", tile, c.name)
				golden.Close(t, values(name), c.got[i*len(c.got)/2:(i+1)*len(c.got)/2], tolerance, name)
			}
		}
	}
}

// Tiles of 64 pixels of a picture of 152×104.
func TestTilingGolden(t *testing.T) {
	v := load(t, golden.Model(t, "tiny-sd15"), "vae")
	c := golden.Open(t, "modules/vae_tiling")
	out, err := v.Decode(t.Context(), engine.Tensor(scaled(c.Float32s("latent"), v), c.Shape("latent")...), Options{Tile: 64})
	require.NoError(t, err)
	golden.Close(t, c.Float32s("decoded_tiled"), out.Float32s(), tolerance, "decoded")
	p, err := v.Encode(t.Context(), engine.Tensor(c.Float32s("image"), c.Shape("image")...), Options{Tile: 64})
	require.NoError(t, err)
	golden.Close(t, c.Float32s("mean_tiled"), p.Mean.Float32s(), tolerance, "mean")
}

// What tiles make of pixels one by one is what one run makes of them, whatever the
// sizes: every pixel is there, and blending two equal values changes their last bits.
func TestTilesCover(t *testing.T) {
	const close, closer = 1e-2, 1e-3 // values up to 1e5 and 1e4
	for _, factor := range []int{1, 2, 8} {
		for _, h := range []int{4, 7, 8, 9, 21, 29} {
			for _, w := range []int{4, 8, 13, 26} {
				grow := tiling{in: 8, out: 8 * factor, inC: 2, outC: 2, h: h, w: w, scale: func(n int) int { return n * factor }}
				x := make([]float32, 2*h*w)
				for i := range x {
					x[i] = float32(i)
				}
				y := make([]float32, len(x)*factor*factor)
				require.NoError(t, grow.run(x, y, func(in []float32, h, w int, out []float32) error {
					repeat(in, h, w, out, factor)
					return nil
				}))
				want := make([]float32, len(y))
				repeat(x, h, w, want, factor)
				assert.InDeltaSlice(t, want, y, closer, "%d×%d, factor %d", h, w, factor)

				shrink := tiling{in: 8 * factor, out: 8, inC: 2, outC: 2, h: h*factor + factor/2, w: w * factor, scale: func(n int) int { return n / factor }}
				big := make([]float32, 2*shrink.h*shrink.w)
				for i := range big {
					big[i] = float32(i)
				}
				z, wantZ := make([]float32, len(x)), make([]float32, len(x))
				require.NoError(t, shrink.run(big, z, func(in []float32, h, w int, out []float32) error {
					pick(in, h, w, out, factor)
					return nil
				}))
				pick(big, shrink.h, shrink.w, wantZ, factor)
				assert.InDeltaSlice(t, wantZ, z, close, "%d×%d, factor 1/%d", h, w, factor)
			}
		}
	}
}

// repeat enlarges in [2 h w].
func repeat(in []float32, h, w int, out []float32, factor int) {
	for i := range out {
		y, x, c := i/(w*factor)%(h*factor), i%(w*factor), i/(w*h*factor*factor)
		out[i] = in[(c*h+y/factor)*w+x/factor]
	}
}

// pick takes every factor-th pixel of in [2 h w].
func pick(in []float32, h, w int, out []float32, factor int) {
	oh, ow := h/factor, w/factor
	for i := range out {
		y, x, c := i/ow%oh, i%ow, i/(oh*ow)
		out[i] = in[(c*h+y*factor)*w+x*factor]
	}
}

// What fits into one tile is decoded whole.
func TestOneTile(t *testing.T) {
	v := load(t, golden.Model(t, "tiny-sd15"), "vae")
	x := nn.Tensor(1, 4, 7, 4)
	for i := range x.Float32s() {
		x.Float32s()[i] = float32(math.Sin(float64(i)))
	}
	want, err := v.Decode(t.Context(), x)
	require.NoError(t, err)
	got, err := v.Decode(t.Context(), x, Options{Tile: 64})
	require.NoError(t, err)
	assert.Equal(t, want.Float32s(), got.Float32s())
	p, err := v.Encode(t.Context(), want)
	require.NoError(t, err)
	q, err := v.Encode(t.Context(), want, Options{Tile: 64})
	require.NoError(t, err)
	assert.Equal(t, p.Mean.Float32s(), q.Mean.Float32s())
}

func TestFit(t *testing.T) {
	fsys := golden.Model(t, "tiny-sd15") // its tiles are of 64 pixels
	free := load(t, fsys, "vae")
	tile, err := free.Fit(Work{Height: 768, Width: 768})
	require.NoError(t, err)
	assert.Zero(t, tile)
	_, err = free.Fit(Work{Height: 8 << 14, Width: 8 << 14})
	assert.ErrorContains(t, err, "more than the limit", "the machine's memory alone does not make tiles")
	assert.Equal(t, 64, free.Config.TileSize())

	v, err := LoadFS(golden.Model(t, "tiny-sd15-4blk"), "vae", &LoadOptions{MaxMemory: 32 << 20, Weights: "float32"})
	require.NoError(t, err)
	defer v.Close()
	v.Config.SampleSize = 256.0
	for _, tt := range []struct{ side, tile int }{{16, 0}, {40, 256}, {64, 128}, {100, 128}} {
		work := Work{Height: 8 * tt.side, Width: 8 * tt.side}
		tile, err = v.Fit(work)
		require.NoError(t, err)
		assert.Equal(t, tt.tile, tile, "%d cells", tt.side)
		assert.Equal(t, tile == 0, v.Check(work) == nil)
	}
	tile, err = v.Fit(Work{Encode: true, Height: 512, Width: 512})
	require.NoError(t, err)
	assert.Equal(t, 256, tile)
	_, err = v.Fit(Work{Height: 8192, Width: 8192}) // the picture alone is larger than the limit
	assert.ErrorContains(t, err, "decoding to 8192×8192 pixels needs")
	out, err := v.Decode(t.Context(), nn.Tensor(1, 4, 64, 20), Options{Tile: 128})
	require.NoError(t, err)
	assert.Equal(t, []int{1, 3, 512, 160}, []int(out.Shape()))
}

func TestBadTiles(t *testing.T) {
	v := load(t, golden.Model(t, "tiny-sd15"), "vae")
	for _, tile := range []int{-32, 8, 100} {
		want := fmt.Sprintf("vae: tile: have %d pixels, want a positive multiple of 32", tile)
		_, err := v.Decode(t.Context(), nn.Tensor(1, 4, 8, 8), Options{Tile: tile})
		assert.EqualError(t, err, want)
		_, err = v.Encode(t.Context(), nn.Tensor(1, 3, 64, 64), Options{Tile: tile})
		assert.EqualError(t, err, want)
		for _, encode := range []bool{false, true} {
			work := Work{Encode: encode, Height: 64, Width: 64, Tile: tile}
			assert.EqualError(t, v.Check(work), want)
			_, err = v.Values(work)
			assert.EqualError(t, err, want)
			_, err = v.Plan(work)
			assert.EqualError(t, err, want)
		}
	}
	assert.Error(t, v.Check(Work{Height: 8 << 20, Width: 8 << 20, Tile: 64}))
	assert.ErrorContains(t, v.Check(Work{Height: 8 << 15, Width: 8 << 15, Tile: 64}), "decoding to 262144×262144 pixels by tiles of 64×64 needs")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := v.Decode(ctx, nn.Tensor(1, 4, 16, 16), Options{Tile: 64})
	assert.ErrorIs(t, err, context.Canceled)
}

// A picture so large that normalisation and convolution go through it by stripes
// has the bytes of the operations one by one, in less memory than its two largest
// values take.
func TestLargePicture(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds of work for each operation by itself")
	}
	const side = 384 // cells
	v := load(t, loader.Random{FS: fstest.MapFS{"config.json": {Data: []byte(`{"block_out_channels": [16, 32], "norm_num_groups": 4,
		"down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D"], "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D"],
		"mid_block_add_attention": false}`)}}}, ".")
	latents := nn.Tensor(1, 4, side, side)
	for i := range latents.Float32s() {
		latents.Float32s()[i] = float32(math.Sin(float64(i * i)))
	}
	out, err := v.Decode(t.Context(), latents)
	require.NoError(t, err)

	g := G.NewGraph()
	in := G.NewTensor(g, tensor.Float32, 4, G.WithShape(1, 4, side, side), G.WithName("latents"))
	y, err := v.BuildDecoder(g, in)
	require.NoError(t, err)
	z := nn.Tensor(1, 4, side, side)
	for i, x := range latents.Float32s() {
		z.Float32s()[i] = x / float32(v.Config.ScalingFactor)
	}
	require.NoError(t, G.Let(in, z))
	m := G.NewTapeMachine(g)
	defer m.Close()
	require.NoError(t, m.RunAll())
	require.Equal(t, y.Value().Data(), any(out.Float32s()))

	plan, err := engine.NewPlan([]*G.Node{in}, []*G.Node{y})
	require.NoError(t, err)
	image := int64(4 * 4 * side * side)            // bytes of a channel
	assert.Less(t, plan.Bytes(), (16+32+32)*image) // without stripes two more
}
