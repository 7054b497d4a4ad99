package clip

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tokenizer without files gives the ids of those from folders.
func TestOpenAITokenizer(t *testing.T) {
	first, err := OpenAITokenizer("")
	require.NoError(t, err)
	second, err := OpenAITokenizer("!")
	require.NoError(t, err)
	folder := loadSD2(t)
	assert.Equal(t, []int{49406, 49407, 49407, 77}, []int{first.BOS, first.EOS, first.Pad, first.MaxLength})
	assert.Equal(t, 49408, second.Size())
	for i, line := range bytes.Split(bytes.TrimSpace(gunzip(t, "testdata/prompts.jsonl.gz")), []byte("\n")) {
		var p struct {
			Text string `json:"text"`
		}
		require.NoError(t, json.Unmarshal(line, &p))
		require.Equal(t, sd1().Encode(p.Text), first.Encode(p.Text), "line %d", i+1)
		require.Equal(t, folder.Encode(p.Text), second.Encode(p.Text), "line %d", i+1)
	}
	_, err = OpenAITokenizer("no such token")
	assert.ErrorContains(t, err, `clip: pad: have "no such token"`)
}
