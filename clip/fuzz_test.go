package clip

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

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

// FuzzTokens checks what holds for any text: valid ids, in place. For text of
// plain words, decoding gives the text back.
func FuzzTokens(f *testing.F) {
	for _, s := range []string{"a photo of a cat", "it's <|endoftext|>!", "\xff\xfe", "e\u0301\u0323", "猫 \u0130", "</w>"} {
		f.Add(s)
	}
	toks := []*Tokenizer{load(f, "tiny"), load(f, "tiny", "tiny-sd21"), load(f, "tinyscenes")}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range toks {
			e := tok.Encode(text)
			require.Len(t, e.IDs, tok.MaxLength)
			require.Equal(t, tok.BOS, e.IDs[0])
			for _, id := range slices.Concat(e.IDs, e.Truncated) {
				require.True(t, 0 <= id && id < tok.Size(), id)
			}
			ids := tok.Tokens(text)
			require.True(t, utf8.ValidString(tok.Decode(ids)))
			if onlyWords(text) && tok != toks[2] {
				require.Equal(t, strings.Join(strings.Fields(text), " "), tok.Decode(ids))
			}
		}
	})
}

func onlyWords(text string) bool {
	return strings.Trim(text, "abcdefghijklmnopqrstuvwxyz \n\t") == "" &&
		!strings.ContainsFunc(text, func(r rune) bool { return r > 'z' })
}

func FuzzLoad(f *testing.F) {
	base := unpack(f, "tiny")
	for name, file := range base {
		f.Add(name, file.Data)
	}
	f.Add("tokenizer.json", []byte(`{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b"]]}, "added_tokens": [{"id": 1, "content": "x"}]}`))
	f.Add("added_tokens.json", []byte(`{"<sks>": 1000}`))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		files := fstest.MapFS{}
		for n, file := range base {
			files[n] = file
		}
		if !fs.ValidPath(name) || strings.Contains(name, "/") || name == "." {
			return
		}
		files[name] = &fstest.MapFile{Data: data}
		tok, err := LoadTokenizer(files, ".")
		if err != nil {
			require.ErrorContains(t, err, "clip: ")
			return
		}
		if tok.MaxLength <= 1024 {
			tok.Encode("a photo of a cat, it's <|endoftext|> \xff!")
		}
	})
}
