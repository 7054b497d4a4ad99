package clip

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A tokenizer that was not loaded knows nothing, and says so where it can.
func TestNoTokenizer(t *testing.T) {
	const want = "clip: have a tokenizer that was not loaded, want one from LoadTokenizer"
	for _, tok := range []*Tokenizer{nil, {}, {MaxLength: 77}} {
		assert.Zero(t, tok.Encode("a cat"))
		assert.Empty(t, tok.Tokens("a cat"))
		assert.Empty(t, tok.Decode([]int{1}))
		assert.Zero(t, tok.Size())
		_, ok := tok.TokenID("a")
		assert.False(t, ok)
		_, ok = tok.Token(1)
		assert.False(t, ok)
		_, err := tok.EncodeContext(t.Context(), "a cat")
		assert.EqualError(t, err, want)
		_, err = tok.Expand(t.Context(), "a cat")
		assert.EqualError(t, err, want)
		_, _, err = tok.WithTokens("<t>")
		assert.EqualError(t, err, want)
	}
}

func TestMaxLength(t *testing.T) {
	tok := load(t, "tiny")
	for _, length := range []int{math.MinInt, -1, 0, 1, maxMaxLength + 1, math.MaxInt} {
		tok.MaxLength = length
		assert.Zero(t, tok.Encode("a cat"))
		_, err := tok.EncodeContext(t.Context(), "a cat")
		assert.ErrorContains(t, err, "clip: tokenizer: have a MaxLength of ")
	}
	tok.MaxLength = 2
	e, err := tok.EncodeContext(t.Context(), "a cat")
	require.NoError(t, err)
	assert.Equal(t, []int{tok.BOS, tok.EOS}, e.IDs)
	assert.Equal(t, "a cat", e.TruncatedText)

	var none context.Context
	_, err = tok.EncodeContext(none, "a cat")
	assert.EqualError(t, err, "clip: have a nil context, want one")
	_, err = tok.Expand(none, "a cat")
	assert.EqualError(t, err, "clip: have a nil context, want one")
	_, _, err = tok.WithTokens(strings.Repeat("x", maxAddedToken+1))
	assert.ErrorContains(t, err, "have 1025 bytes, want at most 1024")
}

// Token and TokenID are each other's reverse.
func TestToken(t *testing.T) {
	tok, _, err := load(t, "tiny").WithTokens("<T>")
	require.NoError(t, err)
	for id := range tok.Size() {
		token, ok := tok.Token(id)
		require.True(t, ok)
		got, ok := tok.TokenID(token)
		require.True(t, ok)
		require.Equal(t, id, got)
	}
	for _, id := range []int{-1, tok.Size()} {
		_, ok := tok.Token(id)
		assert.False(t, ok)
	}
}

// Every value that a file of the folder holds is refused if its type is wrong.
func TestWrongTypes(t *testing.T) {
	const long = 300 // an error is a line, whatever the file holds
	vocab := string(unpack(t, "tiny")["vocab.json"].Data)
	huge := `"` + strings.Repeat("x", 1<<20) + `"`
	for _, tt := range []struct {
		file, with string // with has % where the value goes
		values     []string
	}{
		{"vocab.json", `{"a": %}`, []string{"null", `"1"`, "true", "[]", "{}", "1.5", "-1", "1e99", "NaN", huge}},
		{"vocab.json", `%`, []string{"null", `"a"`, "1", "[]", "true", "{", "", "NaN", huge}},
		{"added_tokens.json", `{"x": %}`, []string{"null", `"1"`, "true", "[]", "{}", "1000.5", "-1", "Infinity", huge}},
		{"added_tokens.json", `%`, []string{`"a"`, "1", "[]", "true", "{", ""}},
		{"tokenizer_config.json", `%`, []string{`"a"`, "1", "[]", "true", "{", ""}},
		{"tokenizer_config.json", `{"additional_special_tokens": %}`, []string{`"a"`, "1", "{}", "true", "[null]", "[1]", "[[]]", `["a", null]`, "[{}]", `[{"content": null}]`, `[{"content": 1}]`, `[{"content": "a", "lstrip": "yes"}]`, "NaN"}},
		{"special_tokens_map.json", `{"additional_special_tokens": %}`, []string{`"a"`, "1", "{}", "true", "[null]", "[1]", "[[]]", `["a", null]`, "[{}]", "[" + huge + "]"}},
		{"tokenizer_config.json", `{"added_tokens_decoder": %}`, []string{`"a"`, "1", "[]", "true", `{"1000": null}`, `{"1000": 1}`, `{"1000": []}`, `{"1000": {}}`, `{"x": {"content": "a"}}`, `{"-1": {"content": "a"}}`, `{` + huge + `: {"content": "a"}}`}},
		{"tokenizer_config.json", `{"model_max_length": %}`, []string{`"a"`, "[]", "true", "{}", "-1", "0", "1", "NaN", "-Infinity"}},
		{"tokenizer_config.json", `{"padding_side": %}`, []string{`"left"`, "1", "[]", "true", huge}},
		{"tokenizer_config.json", `{"truncation_side": %}`, []string{`"left"`, "1", "[]", "true"}},
		{"tokenizer_config.json", `{"pad_token": %}`, []string{`""`, "1", "[]", "true", "{}", `{"content": ""}`, `{"content": []}`, `{"content": "a", "rstrip": 1}`, huge}},
		{"special_tokens_map.json", `{"eos_token": %}`, []string{`""`, "1", "[]", "true", "{}", `{"content": 7}`, `{"content": "a", "normalized": "no"}`}},
		{"tokenizer.json", `%`, []string{`"a"`, "1", "[]", "true", "{}", "null", "{"}},
		{"tokenizer.json", `{"model": %}`, []string{`"a"`, "1", "[]", "true", "{}", "null"}},
		{"tokenizer.json", `{"model": {"type": %, "vocab": ` + vocab + `}}`, []string{`"WordPiece"`, "1", "[]", huge}},
		{"tokenizer.json", `{"model": {"vocab": %}}`, []string{`"a"`, "1", "[]", "true", "{}", "null", `{"a": null}`, `{"a": "1"}`}},
		{"tokenizer.json", `{"model": {"vocab": ` + vocab + `, "merges": %}}`, []string{`"a"`, "1", "{}", "true", "[null]", "[1]", `["a"]`, `["a b c"]`, `[["a"]]`, `[["a", 1]]`, `[["a", "zq"]]`, "[" + huge + "]", `["a ` + huge[1:] + "]"}},
		{"tokenizer.json", `{"model": {"vocab": ` + vocab + `}, "added_tokens": %}`, []string{`"a"`, "1", "{}", "true", "[null]", "[1]", `[{"content": "a"}]`, `[{"id": 1}]`, `[{"id": null, "content": "a"}]`, `[{"id": -1, "content": "a"}]`, `[{"id": 1000, "content": null}]`, `[{"id": "1", "content": "a"}]`}},
	} {
		for _, value := range tt.values {
			files := unpack(t, "tiny")
			files[tt.file] = &fstest.MapFile{Data: []byte(strings.Replace(tt.with, "%", value, 1))}
			_, err := LoadTokenizer(files, ".")
			label := tt.file + ": " + strings.Replace(tt.with[:min(len(tt.with), 40)], "%", value[:min(len(value), 40)], 1)
			if assert.ErrorContains(t, err, "clip: ", label) {
				assert.Contains(t, err.Error(), tt.file, label)
				assert.Less(t, len(err.Error()), long, label)
			}
		}
	}
}

// What transformers writes for nothing is nothing.
func TestNullFields(t *testing.T) {
	files := unpack(t, "tiny")
	files["tokenizer_config.json"] = &fstest.MapFile{Data: []byte(`{"additional_special_tokens": null, "added_tokens_decoder": null,
		"model_max_length": null, "padding_side": null, "pad_token": null, "bos_token": null}`)}
	files["special_tokens_map.json"] = &fstest.MapFile{Data: []byte(`{"additional_special_tokens": null, "eos_token": null}`)}
	files["added_tokens.json"] = &fstest.MapFile{Data: []byte(`null`)}
	tok, err := LoadTokenizer(files, ".")
	require.NoError(t, err)
	assert.Equal(t, load(t, "tiny").Encode("a cat"), tok.Encode("a cat"))

	var vocab map[string]int
	require.NoError(t, json.Unmarshal(files["vocab.json"].Data, &vocab))
	assert.Len(t, vocab, tok.Size())
}
