package clip

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestInvalidUTF8(t *testing.T) {
	tests := map[string]string{
		"ok é":                 "ok é",
		"a\xffb":               "a\ufffdb",
		"\xe2\x8c":             "\ufffd",
		"\xf0\x9f\x98!":        "\ufffd!",
		"\xc0\x80":             "\ufffd\ufffd",
		"\xed\xa0\x80":         "\ufffd\ufffd\ufffd",
		"\xf4\x90\x80\x80":     "\ufffd\ufffd\ufffd\ufffd",
		"\xe0\xa0":             "\ufffd",
		"\xe0\x80":             "\ufffd\ufffd",
		"\xf0\x8f\xf1\x80\xc3": "\ufffd\ufffd\ufffd\ufffd",
	}
	for text, want := range tests {
		assert.Equal(t, want, decodeUTF8(nil, text), "%x", text)
	}
}

// A word without spaces and a prompt of marks must not take quadratic time:
// that would be hours, and it is below a second.
func TestHugePrompts(t *testing.T) {
	start := time.Now()
	for _, text := range []string{
		strings.Repeat("ab", 1<<18),
		strings.Repeat("!", 1<<18),
		"a" + strings.Repeat("\u0323\u0301", 1<<16),
		strings.Repeat("<|endoftext", 1<<16),
	} {
		e := sd1().Encode(text)
		assert.Len(t, e.IDs, 77)
		assert.NotEmpty(t, e.Truncated)
	}
	assert.Less(t, time.Since(start), time.Minute)
}

func TestBadFiles(t *testing.T) {
	tests := []struct {
		name, file, text string
		want             []string
	}{
		{"no vocabulary", "vocab.json", "", []string{"clip: .: have neither vocab.json nor tokenizer.json"}},
		{"no merges", "merges.txt", "", []string{"merges.txt"}},
		{"broken json", "vocab.json", "{\n\"a\": 1,\n,}", []string{"clip: vocab.json: line 3"}},
		{"text as id", "vocab.json", "{\n\"a\": \"1\"}", []string{"clip: vocab.json: line 2", "string"}},
		{"fraction as id", "vocab.json", `{"a": 1.5}`, []string{"clip: vocab.json: line 1", "1.5"}},
		{"negative id", "vocab.json", `{"a": -1}`, []string{"clip: vocab.json", `"a": have id -1`}},
		{"huge id", "vocab.json", `{"a": 99999999999}`, []string{"have id 99999999999"}},
		{"list", "vocab.json", `[]`, []string{"clip: vocab.json: line 1", "array"}},
		{"empty", "vocab.json", `{}`, []string{"clip: vocab.json: have no tokens"}},
		{"null", "vocab.json", `null`, []string{"clip: vocab.json: have no tokens"}},
		{"three symbols", "merges.txt", "#version: 0.2\ni n\na b c\n", []string{"clip: merges.txt: line 3", `"a b c"`}},
		{"unknown merge", "merges.txt", "i n\nzq qz\n", []string{"clip: merges.txt: line 2", `"zq"`}},
		{"short vocabulary", "vocab.json", `{"a": 0, "b": 1}`, []string{"clip: merges.txt: line 2"}},
		{"length", "tokenizer_config.json", `{"model_max_length": 1}`, []string{"tokenizer_config.json: model_max_length: have 1,"}},
		{"broken length", "tokenizer_config.json", `{"model_max_length": 7.5}`, []string{"model_max_length: have 7.5"}},
		{"padding", "tokenizer_config.json", `{"padding_side": "left"}`, []string{`padding_side: have "left", want "right"`}},
		{"token", "tokenizer_config.json", `{"bos_token": 5}`, []string{"tokenizer_config.json: bos_token"}},
		{"empty token", "special_tokens_map.json", `{"bos_token": ""}`, []string{"special_tokens_map.json: bos_token: have an empty token"}},
		{"added id", "tokenizer_config.json", `{"added_tokens_decoder": {"x": "a"}}`, []string{`added_tokens_decoder: have "x"`}},
		{"gap", "added_tokens.json", `{"<sks>": 1005}`, []string{`"<sks>": have id 1005, want 1000`}},
		{"model", "tokenizer.json", `{"model": {"type": "Unigram"}}`, []string{`tokenizer.json: model.type: have "Unigram", want "BPE"`}},
		{"json merge", "tokenizer.json", `{"model": {"vocab": {"a": 0}, "merges": ["a"]}}`, []string{"tokenizer.json: model.merges[0]: have 1 symbols, want 2"}},
		{"json unknown merge", "tokenizer.json", `{"model": {"vocab": {"a": 0}, "merges": ["a a"]}}`, []string{`tokenizer.json: merge 0, "a" with "a"`}},
		{"no byte", "tokenizer.json", `{"model": {"vocab": {"a": 0}, "merges": []}}`, []string{"tokenizer.json: have no token", `"<|endoftext|>"`}},
		{"same id", "tokenizer.json", `{"model": {"vocab": {"a": 0, "b": 0}, "merges": []}}`, []string{`"a" and "b" have the same id 0`}},
		{"json token", "tokenizer.json", `{"added_tokens": [{"content": "x"}], "model": {"vocab": {"a": 0}}}`, []string{"tokenizer.json: added_tokens[0]: want an id"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := unpack(t, "tiny")
			if delete(files, tt.file); tt.text != "" {
				files[tt.file] = &fstest.MapFile{Data: []byte(tt.text)}
			}
			_, err := LoadTokenizer(files, ".")
			for _, want := range tt.want {
				assert.ErrorContains(t, err, want)
			}
			if tt.text == "" {
				assert.ErrorIs(t, err, fs.ErrNotExist)
			}
		})
	}
}
