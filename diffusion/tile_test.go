package diffusion

import (
	"image"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// By tiles the VAE needs less memory, of its own accord where the limit asks for
// it. A picture of one tile is that of the whole.
func TestTile(t *testing.T) {
	skipInShort(t)
	p := load(t, "tiny-sd15-4blk", nil)
	picture := func(p *Pipeline, tile, side int) (*image.NRGBA, error) {
		r, err := p.TextToImage(t.Context(), prompt, &Options{Width: side, Height: side, Steps: 1, Tile: tile})
		if err != nil {
			return nil, err
		}
		return r.Images[0], nil
	}
	must := func(p *Pipeline, tile, side int) *image.NRGBA {
		img, err := picture(p, tile, side)
		require.NoError(t, err)
		return img
	}
	whole := must(p, 0, 192)
	assert.Equal(t, whole, must(p, WholePicture, 192))
	assert.Equal(t, whole, must(p, 192, 192))
	tiles := must(p, 128, 192)
	assert.NotEqual(t, whole, tiles)
	exact, err := p.TextToImage(t.Context(), prompt, &Options{Width: 192, Height: 192, Steps: 1, Tile: 128, TileExact: true})
	require.NoError(t, err)
	assert.Equal(t, whole, exact.Images[0])

	limited, err := LoadFS(golden.Model(t, "tiny-sd15-4blk"), &LoadOptions{Precision: Float32, Weights: Float32, MaxMemory: 18 << 20})
	require.NoError(t, err)
	defer limited.Close()
	limited.VAE.Config.SampleSize = 128.0
	assert.Equal(t, must(p, 0, 64), must(limited, 0, 64))
	assert.Equal(t, tiles, must(limited, 0, 192))
	_, err = picture(limited, WholePicture, 192)
	assert.ErrorContains(t, err, "decoding to 192×192 pixels needs")

	r, err := limited.ImageToImage(t.Context(), prompt, tiles, &Options{Steps: 2})
	require.NoError(t, err)
	assert.Equal(t, tiles.Bounds(), r.Images[0].Bounds())
}
