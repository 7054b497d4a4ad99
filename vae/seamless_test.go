package vae

import (
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/nn"
	"sdgo/internal/op"
	"sdgo/safetensors"
)

// testdata/seamless.py made the goldens with diffusers.
func TestSeamlessGoldens(t *testing.T) {
	file, err := safetensors.OpenFS(os.DirFS("testdata"), "seamless.safetensors")
	require.NoError(t, err)
	defer file.Close()
	read := func(name string) *tensor.Dense {
		x, ok := file.Tensor(name)
		require.True(t, ok, name)
		v, err := x.Float32s()
		require.NoError(t, err)
		return engine.Tensor(v, x.Shape...)
	}
	for name, v := range map[string]*VAE{
		"vae": load(t, golden.Model(t, "tiny-sd15"), "vae"), "tiny": load(t, golden.Model(t, "tiny-taesd"), "."),
	} {
		for way, around := range map[string]Seamless{"x": {X: true}, "y": {Y: true}, "xy": {X: true, Y: true}} {
			out, err := v.Decode(t.Context(), read("latents"), Options{Seamless: around})
			require.NoError(t, err)
			golden.Close(t, read(name+".decoded."+way).Float32s(), out.Float32s(), tolerance, name+" decoded "+way)
			p, err := v.Encode(t.Context(), read("image"), Options{Seamless: around})
			require.NoError(t, err)
			golden.Close(t, read(name+".mean."+way).Float32s(), p.Mean.Float32s(), tolerance, name+" mean "+way)
		}
	}
}

// What tiles that go around make of pixels one by one is what one run makes of them,
// whatever the sizes.
func TestTilesAroundCover(t *testing.T) {
	const closer = 1e-3 // values up to 1e4
	for _, around := range []op.Wrap{{X: true}, {Y: true}, {X: true, Y: true}} {
		for _, h := range []int{4, 8, 9, 12, 21} {
			for _, w := range []int{4, 9, 13, 24, 26} {
				tiles := tiling{in: 8, out: 16, inC: 2, outC: 2, h: h, w: w, around: around, scale: func(n int) int { return n * 2 }}
				x := make([]float32, 2*h*w)
				for i := range x {
					x[i] = float32(i)
				}
				y, want := make([]float32, len(x)*4), make([]float32, len(x)*4)
				require.NoError(t, tiles.run(x, y, func(in []float32, h, w int, out []float32) error {
					repeat(in, h, w, out, 2)
					return nil
				}))
				repeat(x, h, w, want, 2)
				assert.InDeltaSlice(t, want, y, closer, "%d×%d around %v", h, w, around)
			}
		}
	}
}

// border is how much the pixels on both sides of the border differ, as a share of how much
// neighbours inside do, for images [3 H W].
func border(x []float32, h, w int) (columns, rows float64) {
	diff := func(a, b int) float64 { return math.Abs(float64(x[a]) - float64(x[b])) }
	var border, inside [2]float64
	for p := range 3 * h * w {
		row, column := p/w%h, p%w
		right, below := p+1, p+w
		if column == w-1 {
			border[0] += diff(p, p-column) / float64(h)
		} else {
			inside[0] += diff(p, right) / float64(h*(w-1))
		}
		if row == h-1 {
			border[1] += diff(p, p-row*w) / float64(w)
		} else {
			inside[1] += diff(p, below) / float64((h-1)*w)
		}
	}
	return border[0] / inside[0], border[1] / inside[1]
}

// Latents that go around, moved by whole tiles, give the picture moved as far, and tiles
// leave no seam at the border: it differs no more than neighbours inside.
func TestSeamlessTiles(t *testing.T) {
	const h, w, tile = 12, 24, 64
	v := load(t, golden.Model(t, "tiny-sd15-4blk"), "vae")
	decode := func(shift int, o Options) []float32 {
		z := nn.Tensor(1, 4, h, w)
		for i := range z.Float32s() {
			c, y, x := i/(h*w), i/w%h, (i+shift)%w // smooth waves around
			z.Float32s()[i] = float32(math.Sin(2*math.Pi*float64(x)/w+float64(c)) + math.Cos(2*math.Pi*float64(y)/h))
		}
		out, err := v.Decode(t.Context(), z, o)
		require.NoError(t, err)
		return out.Float32s()
	}
	around := Options{Tile: tile, Seamless: Seamless{X: true, Y: true}}
	whole, moved := decode(0, around), decode(6, around) // a tile is 8 cells, and the next is 6 on
	want := make([]float32, len(whole))
	for i := range want {
		want[i] = whole[i/(8*w)*(8*w)+(i+6*8)%(8*w)]
	}
	golden.Close(t, want, moved, tolerance, "moved")

	columns, rows := border(whole, 8*h, 8*w)
	assert.Less(t, columns, 1.5)
	assert.Less(t, rows, 1.5)
	columns, rows = border(decode(0, Options{Tile: tile}), 8*h, 8*w)
	t.Logf("without going around the border differs %.1f and %.1f times as much", columns, rows)
	assert.Greater(t, columns, 2.0)
	assert.Greater(t, rows, 2.0)
}

// What goes around in tiles takes no more memory than its tiles do.
func TestSeamlessMemory(t *testing.T) {
	v := load(t, golden.Model(t, "tiny-sd15"), "vae")
	plain, err := v.Values(Work{Height: 256, Width: 256, Tile: 64})
	require.NoError(t, err)
	around, err := v.Values(Work{Height: 256, Width: 256, Tile: 64, Seamless: Seamless{X: true, Y: true}})
	require.NoError(t, err)
	assert.InEpsilon(t, plain, around, 0.1)
}

// Exact tiles have the bytes of the whole, too, where the picture goes on to the left and
// right; above and below they cannot.
func TestSeamlessExact(t *testing.T) {
	v := load(t, golden.Model(t, "tiny-sd15"), "vae")
	x, image := normal(1, 4, 13, 9), normal(1, 3, 104, 72)
	around := Options{Seamless: Seamless{X: true}}
	bands := Options{Seamless: around.Seamless, Tile: 32, Exact: true}
	want, err := v.Decode(t.Context(), x, around)
	require.NoError(t, err)
	got, err := v.Decode(t.Context(), x, bands)
	require.NoError(t, err)
	assert.Equal(t, want.Float32s(), got.Float32s())
	mean, err := v.Encode(t.Context(), image, around)
	require.NoError(t, err)
	p, err := v.Encode(t.Context(), image, bands)
	require.NoError(t, err)
	assert.Equal(t, mean.Mean.Float32s(), p.Mean.Float32s())

	bands.Seamless.Y = true
	_, err = v.Decode(t.Context(), x, bands)
	assert.ErrorContains(t, err, "vae: tiles: have exact ones of a picture that goes on above and below")
}
