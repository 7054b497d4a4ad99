package clip

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Prompts are expanded as the reference does, wherever the tokens came from.
func TestExpand(t *testing.T) {
	var file struct {
		Cases []struct {
			Name    string
			Files   map[string]*string
			Prompts []struct {
				Text, Expanded string
				IDs            []int
			}
		}
	}
	require.NoError(t, json.Unmarshal(gunzip(t, "testdata/vectors.json.gz"), &file))
	require.NotEmpty(t, file.Cases)
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			files := unpack(t, "tiny")
			for name, text := range c.Files {
				if delete(files, name); text != nil {
					files[name] = &fstest.MapFile{Data: []byte(*text)}
				}
			}
			tok, err := LoadTokenizer(files, ".")
			require.NoError(t, err)
			for _, p := range c.Prompts {
				got, err := tok.Expand(t.Context(), p.Text)
				require.NoError(t, err)
				assert.Equal(t, p.Expanded, got, "%q", p.Text)
				assert.Equal(t, p.IDs, append([]int{}, tok.Tokens(got)...), "%q", p.Text)
			}
		})
	}
}

func TestExpandNewTokens(t *testing.T) {
	tok, _, err := load(t, "tiny").WithTokens("<t>", "<t>_1", "<t>_2")
	require.NoError(t, err)
	got, err := tok.Expand(t.Context(), "a <t>.")
	require.NoError(t, err)
	assert.Equal(t, "a <t> <t>_1 <t>_2.", got)
	got, err = load(t, "tiny").Expand(t.Context(), "a <t>.")
	require.NoError(t, err)
	assert.Equal(t, "a <t>.", got)
}

// A prompt does not grow without bound.
func TestExpandBound(t *testing.T) {
	var names []string
	for i := range 4000 {
		names = append(names, "<t>_"+fmt.Sprint(i))
	}
	names[0] = "<t>"
	tok, _, err := load(t, "tiny").WithTokens(names...)
	require.NoError(t, err)
	_, err = tok.Expand(t.Context(), strings.Repeat("<t> ", 1<<14))
	assert.ErrorContains(t, err, `bytes with all vectors of "<t>", want at most 67108864`)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = tok.Expand(ctx, "a <t>.")
	assert.ErrorIs(t, err, context.Canceled)
}
