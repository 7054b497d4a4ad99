package unet

import (
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/kernel"
	"sdgo/internal/loader"
)

// wide is a model of two levels of 128 channels.
var wide = fstest.MapFS{"unet/config.json": {Data: []byte(`{"block_out_channels": [128, 128], "layers_per_block": 1, "cross_attention_dim": 32,
	"down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"]}`)}}

// What the precisions cost a prediction of models with random weights: the rms of the
// difference to float32, relative to the prediction's. The limits are a quarter above what
// was seen. The 3×3 convolutions of the wide model are Winograd's, and those of the others
// direct ones.
func TestPredictionDeviation(t *testing.T) {
	for _, tt := range []struct {
		model             string
		fsys              fs.FS
		bfloats, integers float64
	}{
		{"tiny-sd15", golden.Model(t, "tiny-sd15"), 9e-3, 2.8e-2},
		{"tiny-sd15-4blk", golden.Model(t, "tiny-sd15-4blk"), 1.4e-2, 4.5e-2},
		{"wide", loader.Random{FS: wide}, 4.3e-3, 1.6e-2},
	} {
		predict := func(precision string) []float32 {
			u, err := LoadFS(tt.fsys, "unet", &LoadOptions{Precision: precision})
			require.NoError(t, err)
			defer u.Close()
			r := rand.New(rand.NewPCG(1, 2))
			in := Input{Latents: random(r, 2, 4, 16, 16), Timesteps: []float64{500}, Cond: Text(random(r, 2, 77, 32))}
			for i, v := range in.Latents.Float32s() {
				in.Latents.Float32s()[i] = 4 * v // of unit variance
			}
			out, err := u.Predict(t.Context(), in)
			require.NoError(t, err)
			return out.Float32s()
		}
		exact := predict(kernel.Float32.String())
		if tt.model != "wide" {
			assert.Equal(t, exact, predict(kernel.Float16.String()), "the files have half precision")
		}
		for precision, limit := range map[kernel.Format]float64{kernel.BFloat16: tt.bfloats, kernel.Int8: tt.integers} {
			deviation := deviation(predict(precision.String()), exact)
			t.Logf("%s, %v: %.2e", tt.model, precision, deviation)
			assert.Less(t, deviation, limit, "%s, %v", tt.model, precision)
			assert.NotZero(t, deviation, "%s, %v", tt.model, precision)
		}
	}
}

// deviation is the rms of the difference of two lists, relative to the second's.
func deviation(x, exact []float32) float64 {
	var d, e float64
	for i, v := range exact {
		d += math.Pow(float64(x[i])-float64(v), 2)
		e += math.Pow(float64(v), 2)
	}
	return math.Sqrt(d / e)
}

// In bfloat16 the factors of Winograd's convolutions are rounded in all levels but that of
// the latents' own size, and in int8 there, too.
func TestRoundedLevels(t *testing.T) {
	const side = 64
	for precision, want := range map[kernel.Format][2]bool{kernel.Float32: {}, kernel.BFloat16: {false, true}, kernel.Int8: {true, true}} {
		u, err := LoadFS(loader.Random{FS: wide}, "unet", &LoadOptions{Precision: precision.String()})
		require.NoError(t, err)
		p, err := u.Plan(2, side, side, 77)
		require.NoError(t, err)
		seen := [2]int{}
		for _, s := range p.Steps {
			if !strings.Contains(s.Operation, "winograd") || strings.Contains(s.Operation, fmt.Sprintf("→%d×%d×4", side, side)) {
				continue
			}
			level := 0
			if !strings.Contains(s.Operation, fmt.Sprintf("×%d×%d×", side, side)) || strings.Contains(s.Operation, fmt.Sprintf("×%d×%d×128→", side/2, side/2)) {
				level = 1
			}
			seen[level]++
			assert.Equal(t, want[level], strings.HasSuffix(s.Operation, "in bfloat16"), "%v: %s", precision, s.Operation)
		}
		assert.Greater(t, min(seen[0], seen[1]), 3, precision)
		u.Close()
	}
}
