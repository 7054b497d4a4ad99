package clip

import (
	"context"
	"io/fs"
	"maps"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/model"
	"sdgo/safetensors"
)

// withTensors returns the text encoder's folder of a model with tensors beside its
// own or in their place, under the prefix "".
func withTensors(t *testing.T, folder fs.FS, dir string, extra ...safetensors.Tensor) fstest.MapFS {
	t.Helper()
	file, err := safetensors.OpenFS(folder, dir+"/model.safetensors")
	require.NoError(t, err)
	defer file.Close()
	all := map[string]safetensors.Tensor{}
	for _, name := range file.Names() {
		all[name], _ = file.Tensor(name)
	}
	for _, x := range extra {
		all[x.Name] = x
	}
	var tensors []safetensors.Tensor
	for _, x := range all {
		tensors = append(tensors, x)
	}
	var buf strings.Builder
	require.NoError(t, safetensors.Write(&buf, tensors, nil))
	config, err := fs.ReadFile(folder, dir+"/config.json")
	require.NoError(t, err)
	return fstest.MapFS{"config.json": {Data: config}, "model.safetensors": {Data: []byte(buf.String())}}
}

func floats(t *testing.T, name string, shape []int, values ...float32) safetensors.Tensor {
	t.Helper()
	x, err := safetensors.NewFloat32(name, shape, values)
	require.NoError(t, err)
	return x
}

// What the embedding of the tokens does not need is not looked at: whatever its
// shape, its type and its values.
func TestUnusedTensors(t *testing.T) {
	nan := float32(math.NaN())
	model := golden.Model(t, "tiny-sd15")
	plain := loadEncoder(t, model, "text_encoder")
	want, err := plain.Encode(t.Context(), [][]int{{998, 5, 999}}, 0)
	require.NoError(t, err)
	odd, err := safetensors.New("text_projection.weight", safetensors.Bool, []int{2}, []byte{1, 0})
	require.NoError(t, err)
	for name, extra := range map[string]safetensors.Tensor{
		"projection of another width": floats(t, "text_projection.weight", []int{1, 3}, 1, 2, 3),
		"projection of truth values":  odd,
		"projection without width":    floats(t, "text_projection.weight", []int{0, 32}),
		"position_ids":                floats(t, "text_model.embeddings.position_ids", []int{1}, nan),
		"logit_scale":                 floats(t, "logit_scale", nil, nan),
		"vision":                      floats(t, "vision_model.post_layernorm.weight", []int{2}, nan, nan),
		"averages":                    floats(t, "ema.num_updates", []int{1}, nan),
		"a layer beyond the last":     floats(t, "text_model.encoder.layers.3.layer_norm1.weight", []int{1}, nan),
	} {
		t.Run(name, func(t *testing.T) {
			e := loadEncoder(t, withTensors(t, model, "text_encoder", extra), ".")
			got, err := e.Encode(t.Context(), [][]int{{998, 5, 999}}, 0)
			require.NoError(t, err)
			assert.Equal(t, want.Tokens.Float32s(), got.Tokens.Float32s())
			assert.Equal(t, want.Pooled.Float32s(), got.Pooled.Float32s())
		})
	}
}

// The projection of a CLIPTextModelWithProjection is wanted by who loads it alone,
// but not by a pipeline.
func TestProjectionOfAPipeline(t *testing.T) {
	broken := withTensors(t, golden.Model(t, "tiny-sdxl"), "text_encoder_2", floats(t, "text_projection.weight", []int{1, 1}, float32(math.Inf(1))))
	_, err := LoadTextEncoderFS(broken, ".", nil)
	assert.ErrorContains(t, err, "clip: text_projection.weight: have shape [1 1], want [")

	eng, err := engine.New(nil)
	require.NoError(t, err)
	e, err := LoadTextEncoderFSContext(model.NewSession(eng).In(t.Context()), broken, ".", nil)
	require.NoError(t, err)
	defer e.Close()
	out, err := e.Encode(t.Context(), [][]int{{1, 2}}, 0)
	require.NoError(t, err)
	assert.Equal(t, []int{1, e.Config.HiddenSize}, []int(out.Pooled.Shape()))
}

// The text half of a whole CLIPModel is the text encoder that went into it.
func TestWholeCLIPModel(t *testing.T) {
	folder := golden.Folder(t, "clip-model")
	whole := loadEncoder(t, folder, "text_encoder")
	want, err := loadEncoder(t, golden.Model(t, "tiny-sd15"), "text_encoder").Encode(t.Context(), [][]int{{998, 5, 999}}, 0)
	require.NoError(t, err)
	got, err := whole.Encode(t.Context(), [][]int{{998, 5, 999}}, 0)
	require.NoError(t, err)
	assert.Equal(t, want.Tokens.Float32s(), got.Tokens.Float32s())
	assert.Equal(t, want.Pooled.Float32s(), got.Pooled.Float32s())

	for config, want := range map[string]string{
		`{"model_type":"clip"}`:                                                `clip: config: text_config: have "", want the config of the text model`,
		`{"model_type":"clip","text_config":null}`:                             `clip: config: text_config: have "null"`,
		`{"model_type":"clip","text_config":[]}`:                               `clip: config: text_config: have "[]"`,
		`{"model_type":"clip","text_config":{"hidden_size":-1}}`:               "clip: config: hidden_size: have -1",
		`{"model_type":"clip_vision_model","hidden_size":8}`:                   "model_type: have clip_vision_model, want clip_text_model",
		`{"model_type":"clip","text_config":{"model_type":"clip"}}`:            "model_type: have clip, want clip_text_model",
		`{"model_type":"chinese_clip","text_config":{"a":"b"}}`:                "model_type: have chinese_clip",
		`{"use_attention_mask":"yes"}`:                                         "use_attention_mask",
		`{"architectures":["CLIPTextModelWithProjection"],"projection_dim":0}`: "projection_dim: have 0, want 1 to 32768",
	} {
		changed := maps.Clone(folder)
		changed["text_encoder/config.json"] = &fstest.MapFile{Data: []byte(config)}
		_, err := LoadTextEncoderFS(changed, "text_encoder", nil)
		assert.ErrorContains(t, err, want, config)
	}
}

// Keys that bear on no token may have any value that transformers writes.
func TestUnusedConfig(t *testing.T) {
	for config, eos := range map[string]int{
		`{"projection_dim":null,"eos_token_id":null,"architectures":null}`: 49407,
		`{"projection_dim":-3,"eos_token_id":[5,6]}`:                       5,
		`{"text_config":{"eos_token_id":4},"vision_config":{}}`:            4,
		`{"eos_token_id":[]}`: 49407,
	} {
		c, err := ParseConfig([]byte(config))
		require.NoError(t, err, config)
		assert.Equal(t, eos, c.EOSTokenID, config)
	}
}

// A text encoder that was not loaded gives errors.
func TestNoTextEncoder(t *testing.T) {
	for _, e := range []*TextEncoder{nil, {}} {
		const want = "clip: have a text encoder that was not loaded, want one from LoadTextEncoder"
		_, err := e.Encode(t.Context(), [][]int{{1}}, 0)
		assert.EqualError(t, err, want)
		_, err = e.EncodeMasked(t.Context(), [][]int{{1}}, [][]int{{1}}, 0)
		assert.EqualError(t, err, want)
		_, err = e.Plan(1, 1)
		assert.EqualError(t, err, want)
		_, err = e.Build(nil, nil, 0)
		assert.EqualError(t, err, want)
		assert.NoError(t, e.Close())
	}
	e := loadEncoder(t, golden.Model(t, "tiny-sd15"), "text_encoder")
	_, err := e.Build(nil, nil, 0)
	assert.EqualError(t, err, "clip: ids: have no graph to add to")
	var none context.Context
	_, err = e.Encode(none, [][]int{{1}}, 0)
	assert.EqualError(t, err, "clip: have a nil context, want one")
	_, err = e.Plan(math.MaxInt, 1)
	assert.ErrorContains(t, err, "too large")
}
