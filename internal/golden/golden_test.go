package golden_test

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/safetensors"
)

// recorder is a testing.TB that keeps errors instead of failing.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, format)
}

func TestClose(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	tests := []struct {
		name      string
		want, got []float32
		relative  float64
		fails     bool
	}{
		{"equal", []float32{1, -4}, []float32{1, -4}, 0, false},
		{"within", []float32{1, -4}, []float32{1.03125, -4}, 0.03125 / 4, false},
		{"beyond", []float32{1, -4}, []float32{1.25, -4}, 0.0625, true},
		{"of the largest value, not of its own", []float32{0, 100}, []float32{0.5, 100}, 0.005, false},
		{"all zero", []float32{0, 0}, []float32{0, 1e-30}, math.Inf(1), true},
		{"NaN", []float32{1, 2}, []float32{1, nan}, math.Inf(1), true},
		{"NaN in both", []float32{nan}, []float32{nan}, math.Inf(1), true},
		{"infinity", []float32{inf}, []float32{inf}, math.Inf(1), true},
	}
	for _, tt := range tests {
		r := &recorder{TB: t}
		assert.InDelta(t, tt.relative, golden.Close(r, tt.want, tt.got, 0.01, "x"), 1e-9, tt.name)
		assert.Equal(t, tt.fails, len(r.errors) > 0, tt.name)
	}
	r := &recorder{TB: t}
	assert.True(t, math.IsNaN(golden.Close(r, []float32{1}, nil, 1, "x")))
	assert.Len(t, r.errors, 1)
	assert.True(t, math.IsNaN(golden.Close(r, nil, nil, 1, "nothing")))
	assert.Len(t, r.errors, 2)
}

// Every case opens, and has the tensors and shapes that its case.json tells,
// but for those that testdata/README.md says were left out.
func TestCases(t *testing.T) {
	leftOut := map[string]bool{"decoded_raw": true, "decoder_in": true, "input_image": true, "mask": true}
	upscaling := map[string]bool{"noise.1": true, "unet_class_labels": true, "unet_encoder_hidden_states": true}
	dirs := golden.Cases(t, "modules")
	for _, group := range golden.Cases(t, "pipelines") {
		dirs = append(dirs, golden.Cases(t, group)...)
	}
	assert.Len(t, dirs, 46+12+1+1+4+1+2+2+4+3+1+3+4+2+2+1+3)
	for _, dir := range dirs {
		c := golden.Open(t, dir)
		var info struct{ Tensors map[string][]int }
		c.Decode(&info)
		require.NotEmpty(t, c.Info["what"], dir)
		require.NotEmpty(t, c.Names(), dir)
		for name, shape := range info.Tensors {
			if strings.HasPrefix(dir, "pipelines/") && (leftOut[name] || strings.Contains(dir, "/x4_upscale/") && upscaling[name]) {
				assert.False(t, c.Has(name), "%s: %s", dir, name)
				continue
			}
			require.True(t, c.Has(name), "%s: %s", dir, name)
			assert.Equal(t, shape, c.Shape(name), "%s: %s", dir, name)
			n := 1
			for _, dim := range shape {
				n *= dim
			}
			assert.Len(t, c.Float32s(name), n, "%s: %s", dir, name)
		}
	}
}

func TestFloat32sIsACopy(t *testing.T) {
	c := golden.Open(t, "modules/unet_sd15_bf16_file")
	v := c.Float32s("out")
	v[0]++
	assert.NotEqual(t, v[0], c.Float32s("out")[0])
	assert.Equal(t, []int64{998}, golden.Open(t, "modules/text_encoder_sd15").Int64s("input_ids")[:1])
}

func TestModels(t *testing.T) {
	count := 0
	for _, name := range golden.Cases(t, "models") {
		name = strings.TrimPrefix(name, "models/")
		model := golden.Model(t, name)
		require.NoError(t, fs.WalkDir(model, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".safetensors") {
				return err
			}
			f, err := safetensors.OpenFS(model, path)
			require.NoError(t, err, path)
			assert.NotEmpty(t, f.Names(), path)
			count++
			return f.Close()
		}))
	}
	assert.Equal(t, 49, count)

	dir := golden.ModelDir(t, "tiny-inpaint")
	for _, part := range []string{"model_index.json", "scheduler", "text_encoder/model.safetensors", "tokenizer/vocab.json", "unet", "vae/config.json"} {
		_, err := os.Stat(filepath.Join(dir, part))
		assert.NoError(t, err)
	}
}
