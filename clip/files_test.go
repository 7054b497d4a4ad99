package clip

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// again is the tokenizer that is read from a tokenizer's files.
func again(t *testing.T, tok *Tokenizer) (*Tokenizer, []string) {
	t.Helper()
	files, err := tok.Files()
	require.NoError(t, err)
	m := fstest.MapFS{}
	for name, data := range files {
		m["tokenizer/"+name] = &fstest.MapFile{Data: data}
	}
	back, err := LoadTokenizer(m, "tokenizer")
	require.NoError(t, err)
	return back, slices.Sorted(maps.Keys(files))
}

// A tokenizer from the files of another gives its ids.
func TestFiles(t *testing.T) {
	plain := []string{"merges.txt", "special_tokens_map.json", "tokenizer_config.json", "vocab.json"}
	taught, _, err := sd1().WithTokens("<cat>", "<Cat>_1", "my style")
	require.NoError(t, err)
	longer := *loadSD2(t)
	longer.MaxLength = 200
	for _, tt := range []struct {
		name  string
		tok   *Tokenizer
		files []string
		texts []string
	}{
		{"sd1", sd1(), plain, nil},
		{"sd2", &longer, plain, []string{"a literal ! here", "!!"}},
		{"new tokens", taught, slices.Insert(slices.Clone(plain), 0, "added_tokens.json"), []string{"a <cat> and <CAT>_1 in My Style", "<|endoftext|> x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			back, files := again(t, tt.tok)
			assert.Equal(t, tt.files, files)
			assert.Equal(t, [...]int{tt.tok.BOS, tt.tok.EOS, tt.tok.Pad, tt.tok.MaxLength, tt.tok.Size()}, [...]int{back.BOS, back.EOS, back.Pad, back.MaxLength, back.Size()})
			for _, text := range tt.texts {
				assert.Equal(t, tt.tok.Encode(text), back.Encode(text), text)
			}
			for i, line := range bytes.Split(bytes.TrimSpace(gunzip(t, "testdata/prompts.jsonl.gz")), []byte("\n")) {
				var p struct {
					Text string `json:"text"`
				}
				require.NoError(t, json.Unmarshal(line, &p))
				require.Equal(t, tt.tok.Encode(p.Text), back.Encode(p.Text), "line %d", i+1)
			}
		})
	}
}

// The vocabulary and the merges are those of the published files, byte for byte but for the
// white space.
func TestFilesContent(t *testing.T) {
	files, err := sd1().Files()
	require.NoError(t, err)
	published := unpack(t, "../openai")
	var want, have map[string]int
	require.NoError(t, json.Unmarshal(published["vocab.json"].Data, &want))
	require.NoError(t, json.Unmarshal(files["vocab.json"], &have))
	assert.True(t, maps.Equal(want, have))
	assert.NotContains(t, string(files["vocab.json"]), `\u003c`)
	lines := func(b []byte) []byte { return b[bytes.IndexByte(b, '\n'):] }
	assert.True(t, bytes.Equal(bytes.TrimSpace(lines(published["merges.txt"].Data)), bytes.TrimSpace(lines(files["merges.txt"]))))

	odd := *sd1()
	odd.Pad = 1 << 20
	_, err = odd.Files()
	assert.EqualError(t, err, "clip: pad_token: have id 1048576, want that of a token")
	_, err = (*Tokenizer)(nil).Files()
	assert.Error(t, err)
}
