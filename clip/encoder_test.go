package clip

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/safetensors"
)

// tolerance is ten times what float32 rounding makes of these models, relative
// to the largest value.
const tolerance = 1e-5

func loadEncoder(t testing.TB, fsys fs.FS, dir string) *TextEncoder {
	e, err := LoadTextEncoderFS(fsys, dir, nil)
	require.NoError(t, err)
	t.Cleanup(func() { e.Close() })
	return e
}

// inputIDs reads the token ids of a golden case.
func inputIDs(c *golden.Case) [][]int {
	var out [][]int
	s := c.Shape("input_ids")
	for i, id := range c.Int64s("input_ids") {
		if i%s[1] == 0 {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], int(id))
	}
	return out
}

func TestTextEncoderGoldens(t *testing.T) {
	for _, tt := range []struct{ module, model, dir string }{
		{"text_encoder_sd15", "tiny-sd15", "text_encoder"},
		{"text_encoder_sd21", "tiny-sd21-v", "text_encoder"},
		{"text_encoder_sdxl_1", "tiny-sdxl", "text_encoder"},
		{"text_encoder_sdxl_2", "tiny-sdxl", "text_encoder_2"},
		{"text_encoder_fullvocab", "tiny-clip-fullvocab", "."},
	} {
		t.Run(tt.module, func(t *testing.T) {
			e := loadEncoder(t, golden.Model(t, tt.model), tt.dir)
			c := golden.Open(t, "modules/"+tt.module)
			for skip, name := range []string{"last_hidden_state", "penultimate_final_ln", "clip_skip2_final_ln"} {
				if !c.Has(name) {
					continue
				}
				out, err := e.Encode(t.Context(), inputIDs(c), skip)
				require.NoError(t, err)
				golden.Close(t, c.Float32s(name), out.Tokens.Float32s(), tolerance, name)
				pooled := "pooler_output"
				if e.projection != nil {
					pooled = "text_embeds"
				}
				golden.Close(t, c.Float32s(pooled), out.Pooled.Float32s(), tolerance, pooled)
			}
			assert.True(t, c.Has("last_hidden_state"))

			raw, err := e.WithoutNorm()
			require.NoError(t, err)
			out, err := raw.Encode(t.Context(), inputIDs(c), 1)
			require.NoError(t, err)
			golden.Close(t, c.Float32s("penultimate"), out.Tokens.Float32s(), tolerance, "penultimate")
			whole, err := e.Encode(t.Context(), inputIDs(c), 1)
			require.NoError(t, err)
			assert.Equal(t, whole.Pooled.Float32s(), out.Pooled.Float32s(), "the embedding of the whole text")
		})
	}
}

// Transformers 5 writes the same weights without the prefix text_model.
func TestTextEncoderWithoutPrefix(t *testing.T) {
	fsys := golden.Model(t, "tiny-sd15")
	file, err := safetensors.OpenFS(fsys, "text_encoder/model.safetensors")
	require.NoError(t, err)
	defer file.Close()
	var tensors []safetensors.Tensor
	for _, name := range file.Names() {
		x, _ := file.Tensor(name)
		x.Name = strings.TrimPrefix(name, "text_model.")
		tensors = append(tensors, x)
	}
	var buf strings.Builder
	require.NoError(t, safetensors.Write(&buf, tensors, nil))
	config, err := fs.ReadFile(fsys, "text_encoder/config.json")
	require.NoError(t, err)
	bare := loadEncoder(t, fstest.MapFS{"config.json": {Data: config}, "model.safetensors": {Data: []byte(buf.String())}}, ".")
	ids := inputIDs(golden.Open(t, "modules/text_encoder_sd15"))
	want, err := loadEncoder(t, fsys, "text_encoder").Encode(t.Context(), ids, 0)
	require.NoError(t, err)
	got, err := bare.Encode(t.Context(), ids, 0)
	require.NoError(t, err)
	assert.Equal(t, want.Tokens.Float32s(), got.Tokens.Float32s())
}

// A text's embedding does not depend on the texts beside it, nor on the threads, which may
// have texts of their own. What it takes is what was foretold.
func TestTextEncoderBatch(t *testing.T) {
	ids := inputIDs(golden.Open(t, "modules/text_encoder_sd15"))[:2]
	ids = append(ids, ids[1][1:], ids[0], ids[1], ids[1])
	ids[2] = append(slices.Clone(ids[2]), ids[0][1])
	var want *Embeddings
	for _, threads := range []int{4, 1, 2, 3, 6} { // with 4 there is no even split
		e, err := LoadTextEncoderFS(golden.Model(t, "tiny-sd15"), "text_encoder", &LoadOptions{Threads: threads})
		require.NoError(t, err)
		defer e.Close()
		before := e.model.Memory().InUse()
		e.model.Memory().ResetPeak()
		all, err := e.Encode(t.Context(), ids, 0)
		require.NoError(t, err)
		values, err := e.Values(len(ids), len(ids[0]), 0)
		require.NoError(t, err)
		assert.Equal(t, before+values, e.model.Memory().Peak())
		if want == nil {
			want = all
		}
		assert.Equal(t, want.Tokens.Float32s(), all.Tokens.Float32s(), "%d threads", threads)
		assert.Equal(t, want.Pooled.Float32s(), all.Pooled.Float32s(), "%d threads", threads)
		size := all.Tokens.DataSize() / len(ids)
		for i := range ids {
			one, err := e.Encode(t.Context(), ids[i:i+1], 0)
			require.NoError(t, err)
			assert.Equal(t, all.Tokens.Float32s()[i*size:(i+1)*size], one.Tokens.Float32s())
		}
	}
}

func TestTextEncoderBadInput(t *testing.T) {
	e := loadEncoder(t, golden.Model(t, "tiny-sd15"), "text_encoder")
	for _, tt := range []struct {
		ids  [][]int
		skip int
		want string
	}{
		{nil, 0, "clip: have no tokens to encode"},
		{[][]int{{}}, 0, "clip: have no tokens to encode"},
		{[][]int{make([]int, 78)}, 0, "clip: have 78 tokens, want at most 77"},
		{[][]int{{1, 2}, {1}}, 0, "clip: have 1 tokens in text 1, want 2 as in text 0"},
		{[][]int{{1, 1000}}, 0, "clip: have token 1000 in text 0, want 0 to 999"},
		{[][]int{{-1}}, 0, "clip: have token -1 in text 0, want 0 to 999"},
		{[][]int{{1}}, 3, "clip: clip skip: have 3, want 0 to 2 for a model of 3 layers"},
		{[][]int{{1}}, -1, "clip: clip skip: have -1, want 0 to 2 for a model of 3 layers"},
	} {
		_, err := e.Encode(t.Context(), tt.ids, tt.skip)
		assert.EqualError(t, err, tt.want)
	}
}

func TestBadEncoderConfig(t *testing.T) {
	for _, tt := range []struct{ config, want string }{
		{`{"hidden_act": "relu"}`, "clip: config: hidden_act: have relu, want quick_gelu or gelu"},
		{`{"num_attention_heads": 7}`, "num_attention_heads: have 7, want a divisor of hidden_size (512)"},
		{`{"num_attention_heads": 0}`, "num_attention_heads: have 0, want a divisor"},
		{`{"num_attention_heads": -8}`, "num_attention_heads: have -8, want a divisor"},
		{`{"num_hidden_layers": 1000000000}`, "num_hidden_layers: have 1000000000, want 1 to 512"},
		{`{"layer_norm_eps": -1}`, "layer_norm_eps: have -1, want 0 to 1"},
		{`{"vocab_size": -1}`, "vocab_size: have -1"},
		{`{"model_type": "t5"}`, "model_type: have t5, want clip_text_model"},
		{`[]`, "clip: config"},
	} {
		_, err := ParseConfig([]byte(tt.config))
		assert.ErrorContains(t, err, tt.want)
	}
}
