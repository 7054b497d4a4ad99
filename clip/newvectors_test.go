package clip

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// A word of several vectors has the ids of transformers with diffusers' replacement, and
// those of all vectors in upper case, too.
func TestWithVectors(t *testing.T) {
	tok := load(t, "tiny")
	size := tok.Size()
	var err error
	var ids []int
	for _, w := range []struct {
		token string
		n     int
	}{{"EasyNegative", 3}, {"<t>", 2}, {"cat-toy", 2}, {"cat-toy-2", 1}} {
		tok, ids, err = tok.WithVectors(w.token, w.n)
		require.NoError(t, err)
		require.Len(t, ids, w.n)
		assert.Equal(t, size, ids[0])
		size += w.n
	}
	for prompt, want := range map[string][]int{
		"a <t> b": {320, 1003, 1004, 321}, "x<t>y": {343, 1003, 1004, 344}, "a cat-toyish thing": {320, 1005, 1006, 595, 327, 946},
		"<t>_1": {1004}, "cat-toy, <t>": {1005, 1006, 267, 1003, 1004}, "easynegative_1": {1001},
		"a EasyNegative b": {320, 1000, 1001, 1002, 321}, "EASYNEGATIVE": {1000, 1001, 1002}, "a <T> b": {320, 1003, 1004, 321},
		"cat-toy-2 <t>": {1007, 1003, 1004}, // the longest first
	} {
		expanded, err := tok.Expand(t.Context(), prompt)
		require.NoError(t, err)
		assert.Equal(t, prompt, expanded)
		assert.Equal(t, want, tok.Tokens(expanded), prompt)
	}
	assert.Equal(t, "easynegativeeasynegative_1easynegative_2", tok.Decode([]int{1000, 1001, 1002}))
	assert.NotContains(t, load(t, "tiny").Tokens("<t>"), 1003, "the receiver stays as it is")
}

func TestWithVectorsErrors(t *testing.T) {
	tok, _, err := load(t, "tiny").WithVectors("<t>", 2)
	require.NoError(t, err)
	for _, w := range []struct {
		token string
		n     int
		want  string
	}{
		{"<t>", 1, "there is one already"}, {"<T>", 1, "there is one already"}, {"<t>_1", 1, "there is one already"},
		{"an", 1, "is a token of the vocabulary"}, {"", 1, "want a text that is not empty"}, {"<u>", 0, "have 0 vectors, want 1 to 1024"}, {"<u>", 1025, "have 1025 vectors"},
	} {
		_, _, err := tok.WithVectors(w.token, w.n)
		assert.ErrorContains(t, err, w.want)
	}
	_, _, err = new(Tokenizer).WithVectors("<t>", 1)
	assert.ErrorContains(t, err, "was not loaded")
}

// A vector of its own is as good as a row of the table, with padding that is hidden and
// without.
func TestWithTokens(t *testing.T) {
	e, err := LoadTextEncoderFS(golden.Model(t, "tiny-sd15"), "text_encoder", nil)
	require.NoError(t, err)
	defer e.Close()
	row := make([]float32, e.Config.HiddenSize)
	for i := range row {
		row[i] = float32(i) / 16
	}
	const old = 5
	fresh := e.Config.VocabSize + 3
	ids, more := []int{998, 4, old, 7, 999, 999}, []int{998, 4, fresh, 7, 999, 999}
	both, err := e.WithTokens(map[int][]float32{fresh: row, old: row}) // a row of the table, too
	require.NoError(t, err)
	want, err := both.Encode(t.Context(), [][]int{ids, ids}, 0)
	require.NoError(t, err)
	have, err := both.Encode(t.Context(), [][]int{more, ids}, 0)
	require.NoError(t, err)
	assert.Equal(t, want.Tokens.Float32s(), have.Tokens.Float32s())
	plain, err := e.Encode(t.Context(), [][]int{ids}, 0)
	require.NoError(t, err)
	assert.NotEqual(t, plain.Tokens.Float32s(), want.Tokens.Float32s()[:plain.Tokens.DataSize()])

	mask := [][]int{{1, 1, 1, 1, 1, 0}}
	want, err = both.EncodeMasked(t.Context(), [][]int{ids}, mask, 0)
	require.NoError(t, err)
	have, err = both.EncodeMasked(t.Context(), [][]int{more}, mask, 0)
	require.NoError(t, err)
	assert.Equal(t, want.Tokens.Float32s(), have.Tokens.Float32s())
	_, err = both.EncodeMasked(t.Context(), [][]int{slices.Concat(ids[:5], []int{fresh})}, mask, 0)
	assert.ErrorContains(t, err, "in the padding")

	// Without one of them in the text the bytes are those of the encoder.
	others := [][]int{{998, 4, 6, 999}}
	want, err = e.Encode(t.Context(), others, 0)
	require.NoError(t, err)
	have, err = both.Encode(t.Context(), others, 0)
	require.NoError(t, err)
	assert.Equal(t, want.Tokens.Float32s(), have.Tokens.Float32s())

	_, err = e.Encode(t.Context(), [][]int{more}, 0)
	assert.ErrorContains(t, err, "clip: have token 1003 in text 0, want 0 to 999")
	_, err = both.Encode(t.Context(), [][]int{{fresh - 1}}, 0)
	assert.ErrorContains(t, err, "want 0 to 999 or one of WithTokens")
	_, err = e.WithTokens(map[int][]float32{-1: row})
	assert.ErrorContains(t, err, "clip: new token: have the id -1")
	_, err = e.WithTokens(map[int][]float32{1: row[1:]})
	assert.ErrorContains(t, err, "clip: new token 1: have a vector of 31 numbers, want 32")
}

func BenchmarkWithVectors(b *testing.B) {
	for b.Loop() {
		tok := load(b, "tiny")
		for i := range 50 {
			var err error
			tok, _, err = tok.WithVectors(fmt.Sprintf("<word-%d>", i), 16)
			require.NoError(b, err)
		}
	}
}
