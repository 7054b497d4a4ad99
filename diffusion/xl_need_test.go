package diffusion

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
)

// A call's memory has room for the second text encoder, and for embeddings that are given.
func TestXLNeed(t *testing.T) {
	p := load(t, "tiny-sdxl", nil)
	need := func(change func(o *Options)) int64 {
		o := xlOptions(change)
		o.Width, o.Height, o.Guidance = 8, 8, 1
		r, err := p.newRun(t.Context(), textToImage{}, "", o)
		require.NoError(t, err)
		defer r.close()
		_, err = r.task.prepare(r)
		require.NoError(t, err)
		n, err := r.need(nil)
		require.NoError(t, err)
		return n.Small + n.Turn
	}
	second, err := p.textStages()[1].values(0)
	require.NoError(t, err)
	network, err := p.UNet.Values(1, 1, 1, 77)
	require.NoError(t, err)
	require.Greater(t, second, network, "or else it does not tell")
	plain := need(nil)
	assert.Greater(t, plain, second)

	tokens, pooled := xlEmbedded(t, p, cat)
	bytes := int64(4 * (tokens.DataSize() + pooled.DataSize()))
	given := need(func(o *Options) { o.Cond, o.PooledCond = tokens, pooled })
	words := need(func(o *Options) { o.Cond, o.PooledCond = engine.Tensor(tokens.Float32s()[:80], 1, 1, 80), pooled })
	assert.Greater(t, given-words, bytes)
}

// Every precision makes about the same picture.
func TestXLPrecisions(t *testing.T) {
	draw := func(precision string) []uint8 {
		p, err := LoadFS(golden.Model(t, "tiny-sdxl"), &LoadOptions{Precision: precision})
		require.NoError(t, err)
		defer p.Close()
		result, err := p.TextToImage(t.Context(), cat, xlOptions(nil))
		require.NoError(t, err)
		return result.Images[0].Pix
	}
	exact := draw(Float32)
	assert.Equal(t, digest(exact), digest(draw(Float16)), "weights of half precision")
	for precision, limit := range map[string]float64{BFloat16: 3, Int8: 6} {
		sum := 0.0
		for i, v := range draw(precision) {
			sum += math.Abs(float64(v) - float64(exact[i]))
		}
		assert.Less(t, sum/float64(len(exact)), limit, precision)
		t.Log(precision, sum/float64(len(exact)))
	}
}
