package diffusion

import (
	"errors"
	"image"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/sampler"
	"sdgo/unet"
)

func loadWith(t *testing.T, model string, o *LoadOptions) *Pipeline {
	p, err := LoadFS(golden.Model(t, model), o)
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

// What the precisions cost models with random weights, whose pictures are noise: half
// precision nothing, for it is what they are stored in. The limits, PSNR in dB against
// float32, are about 5 dB below what was seen.
func TestPrecisionDeviation(t *testing.T) {
	skipInShort(t)
	for _, tt := range []struct {
		model         string
		bfloat, bytes float64
	}{
		{"tiny-sd15", 42, 32}, {"tiny-sd21-v", 42, 31}, {"tiny-sd15-4blk", 33, 27},
	} {
		var exact *image.NRGBA
		for _, x := range []struct {
			precision string
			limit     float64
		}{{Float32, 0}, {Float16, math.MaxFloat64}, {BFloat16, tt.bfloat}, {Int8, tt.bytes}} {
			p := loadWith(t, tt.model, &LoadOptions{Precision: x.precision})
			r, err := p.TextToImage(t.Context(), "a lighthouse", &Options{Width: 64, Height: 64, Steps: 8, Seed: 3})
			require.NoError(t, err)
			if exact == nil {
				exact = r.Images[0]
				continue
			}
			db := golden.PSNR(r.Images[0].Pix, exact.Pix)
			t.Logf("%s, %s: %.1f dB", tt.model, x.precision, db)
			assert.Greater(t, db, x.limit, "%s, %s", tt.model, x.precision)
		}
	}
}

// Whatever the precision, neither threads nor the batch change a byte.
func TestPrecisionSameBytes(t *testing.T) {
	for _, precision := range []string{Float16, BFloat16, Int8} {
		var want []*image.NRGBA
		for _, threads := range []int{1, 2, 7} {
			p := loadWith(t, "tiny-sd15", &LoadOptions{Precision: precision, Threads: threads})
			r, err := p.TextToImage(t.Context(), "a boat", &Options{Width: 32, Height: 48, Steps: 2, Seed: 5, Images: 2})
			require.NoError(t, err)
			if want == nil {
				want = r.Images
				one, err := p.TextToImage(t.Context(), "a boat", &Options{Width: 32, Height: 48, Steps: 2, Seed: 6})
				require.NoError(t, err)
				assert.Equal(t, want[1].Pix, one.Images[0].Pix, precision)
			}
			for i := range want {
				assert.Equal(t, want[i].Pix, r.Images[i].Pix, "%s, %d threads", precision, threads)
			}
		}
	}
}

// formats counts the weights of a plan's steps by their format.
func formats(t *testing.T, p *Pipeline) map[string]int {
	plan, err := p.Plan(nil)
	require.NoError(t, err)
	count := map[string]int{}
	for _, part := range plan.Parts {
		for _, s := range part.Steps {
			if s.Format != "" {
				count[s.Format]++
			}
		}
	}
	return count
}

// Under a limit weights are kept in fewer bits, as far as need be, and no further than
// a precision of the caller's own.
func TestFitMemory(t *testing.T) {
	skipInShort(t)
	model := filepath.Join(t.TempDir(), "float32") // what its files have in 16 bits would be kept so
	require.NoError(t, Save(t.Context(), model, load(t, "tiny-sd15-4blk", nil), &SaveOptions{DType: "f32"}))
	whole, err := Load(model, &LoadOptions{MaxMemory: 1 << 30})
	require.NoError(t, err)
	defer whole.Close()
	all := formats(t, whole)
	assert.Len(t, all, 1)
	assert.NotZero(t, all["float32"])

	seen := map[string]bool{}
	for limit := int64(40 << 20); ; limit -= 1 << 20 {
		p, err := Load(model, &LoadOptions{MaxMemory: limit})
		if err != nil {
			var e *engine.MemoryError
			assert.True(t, errors.As(err, &e), "%v", err)
			break
		}
		for format := range formats(t, p) {
			seen[format] = true
		}
		require.NoError(t, p.Close())
	}
	assert.True(t, seen["float16"])
	assert.False(t, seen["bfloat16"])

	_, err = Load(model, &LoadOptions{MaxMemory: 8 << 20, Precision: Float32})
	assert.ErrorContains(t, err, "more than the limit of")
}

func TestPlan(t *testing.T) {
	p := loadWith(t, "tiny-sd15", nil)
	small, err := p.Plan(&Options{Width: 32, Height: 32})
	require.NoError(t, err)
	large, err := p.Plan(&Options{Width: 64, Height: 64})
	require.NoError(t, err)
	require.Len(t, small.Parts, 3)
	for i := range small.Parts[1:] {
		assert.Less(t, small.Parts[1+i].Values, large.Parts[1+i].Values)
		assert.Positive(t, small.Parts[1+i].Time())
	}
	for _, scale := range []float64{0.5, 1} {
		unguided, err := p.Plan(&Options{Width: 64, Height: 64, Guidance: scale})
		require.NoError(t, err)
		assert.Less(t, unguided.Parts[1].Values, large.Parts[1].Values)
	}
	both, err := p.Plan(&Options{Width: 64, Height: 64, Guidance: 1, Sampler: sampler.Euler{CFGPlusPlus: true}})
	require.NoError(t, err)
	assert.Equal(t, large.Parts[1].Values, both.Parts[1].Values)

	_, err = p.UNet.Plan(0, 8, 8, 77)
	assert.ErrorContains(t, err, "unet: latents: have shape [0 ")
	assert.ErrorContains(t, p.UNet.Check(0, 8, 8, 77), "want sizes of 1 or more")

	u, err := p.UNet.WithTokenMerging(unet.TokenMerging{Ratio: 0.5})
	require.NoError(t, err)
	merged, err := u.Plan(2, 8, 8, 77)
	require.NoError(t, err)
	assert.Positive(t, merged.Time())
	assert.Less(t, merged.Time(), time.Minute)
	for _, s := range merged.Steps {
		assert.GreaterOrEqual(t, s.Time(), time.Duration(0), s.Operation)
		assert.Less(t, s.Time(), time.Minute, s.Operation)
	}
	var b strings.Builder
	n, err := small.WriteTo(&b)
	require.NoError(t, err)
	assert.EqualValues(t, b.Len(), n)
	assert.Contains(t, b.String(), "down_blocks.0.resnets.0.conv1")
	_, err = p.Plan(&Options{Width: 33})
	assert.ErrorContains(t, err, "size: have 33")
}
