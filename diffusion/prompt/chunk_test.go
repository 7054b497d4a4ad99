package prompt_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion/prompt"
)

var words = regexp.MustCompile(`[a-zA-Z]+|,`)

// tokens is the tokenizer of testdata/chunks.json: 1 is a comma, 3 is EOS, and the others are 10
// and the length of a word.
func tokens(text string) (ids []int) {
	for _, w := range words.FindAllString(text, -1) {
		switch w {
		case ",":
			ids = append(ids, 1)
		case "end":
			ids = append(ids, 3)
		default:
			ids = append(ids, 10+len(w))
		}
	}
	return ids
}

// Chunks are those of WebUI's rule, computed outside.
func TestChunks(t *testing.T) {
	data, err := os.ReadFile("testdata/chunks.json")
	require.NoError(t, err)
	var goldens []struct {
		Prompt      string
		Length, Pad int
		Chunks      []prompt.Chunk
	}
	require.NoError(t, json.Unmarshal(data, &goldens))
	require.Greater(t, len(goldens), 40)
	for _, g := range goldens {
		pieces, err := prompt.Weigh(g.Prompt, prompt.A1111)
		require.NoError(t, err)
		c := prompt.Chunker{Tokens: tokens, BOS: 2, EOS: 3, Pad: g.Pad, Length: g.Length}
		got, err := c.Chunks(pieces)
		require.NoError(t, err)
		assert.Equal(t, g.Chunks, got, "%d: %q", g.Length, g.Prompt)
		if c.Length == 77 {
			c.Length = 0
			got, err = c.Chunks(pieces)
			require.NoError(t, err)
			assert.Equal(t, g.Chunks, got, "the default length")
		}
	}
}

func TestChunkErrors(t *testing.T) {
	_, err := prompt.Chunker{}.Chunks(nil)
	assert.EqualError(t, err, "prompt: Chunker.Tokens is nil")
	for _, length := range []int{-1, 2, 65537} {
		_, err = prompt.Chunker{Tokens: tokens, Length: length}.Chunks(nil)
		assert.ErrorContains(t, err, "want 3 to 65536, or 0 for 77")
	}
	pieces, err := prompt.Weigh(strings.Repeat("BREAK ", 20_000), prompt.A1111)
	require.NoError(t, err)
	_, err = prompt.Chunker{Tokens: tokens}.Chunks(pieces)
	assert.EqualError(t, err, "prompt: the prompt needs more than 13617 chunks of 77 ids")
}
