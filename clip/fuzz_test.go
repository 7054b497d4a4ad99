package clip

import (
	"bytes"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// FuzzTokenizerFiles changes all small files of a tokenizer at once.
func FuzzTokenizerFiles(f *testing.F) {
	base := unpack(f, "tiny")
	f.Add(base["tokenizer_config.json"].Data, base["special_tokens_map.json"].Data, []byte(`{"<x>": 1000}`), []byte("a b"), "a <x> b")
	f.Add([]byte(`{"model_max_length": 1e30, "added_tokens_decoder": {"1000": {"content": "y", "lstrip": true, "rstrip": true, "single_word": true}}}`),
		[]byte(`{}`), []byte(`{}`), []byte(""), " y y")
	f.Add([]byte(`{}`), []byte(`{"additional_special_tokens": ["<a>", {"content": "b", "normalized": true}, null]}`),
		[]byte(`{"<a>": 1000, "b": 1001}`), []byte(""), "<a>b")
	f.Fuzz(func(t *testing.T, config, special, added, merges []byte, text string) {
		tok, err := LoadTokenizer(fstest.MapFS{
			"vocab.json": base["vocab.json"], "merges.txt": {Data: append(bytes.Clone(base["merges.txt"].Data), merges...)},
			"tokenizer_config.json": {Data: config}, "special_tokens_map.json": {Data: special}, "added_tokens.json": {Data: added},
		}, ".")
		if err != nil {
			require.ErrorContains(t, err, "clip: ")
			require.Less(t, len(err.Error()), 2000)
			return
		}
		if tok.MaxLength > 2000 {
			return
		}
		e := tok.Encode(text)
		require.Len(t, e.IDs, tok.MaxLength)
		for _, id := range append(e.IDs, e.Truncated...) {
			require.True(t, id >= 0 && id < tok.Size(), "id %d of %d", id, tok.Size())
		}
		tok.Decode(e.IDs)
		if c, ids, err := tok.WithTokens(text, "zzz"); err == nil {
			c.Encode(text + " zzz")
			c.Decode(ids)
		}
	})
}
