package clip

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// All vectors of a textual inversion stand together, and none else.
func TestTogether(t *testing.T) {
	tok, err := LoadTokenizer(golden.Model(t, "tiny-sd15"), "tokenizer")
	require.NoError(t, err)
	more, ids, err := tok.WithVectors("<cat>", 3)
	require.NoError(t, err)
	all, err := more.TokensContext(t.Context(), "<cat> a")
	require.NoError(t, err)
	assert.Equal(t, more.Tokens("<cat> a"), all)
	assert.Equal(t, 3, more.Together(all))
	assert.Equal(t, 1, more.Together(all[3:]))
	assert.Equal(t, 1, more.Together(ids[:2]), "a part")
	assert.Equal(t, 1, more.Together([]int{ids[0], ids[2], ids[1]}))
	assert.Equal(t, 1, tok.Together(ids))
	assert.Equal(t, 1, more.Together(nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = more.TokensContext(ctx, "a")
	assert.ErrorIs(t, err, context.Canceled)
}

// What Encode makes of a text depends on what its digest does.
func TestDigest(t *testing.T) {
	e, err := LoadTextEncoderFS(golden.Model(t, "tiny-sd15"), "text_encoder", nil)
	require.NoError(t, err)
	defer e.Close()
	twin, err := LoadTextEncoderFS(golden.Model(t, "tiny-sd15"), "text_encoder", nil)
	require.NoError(t, err)
	defer twin.Close()
	raw, err := e.WithoutNorm()
	require.NoError(t, err)
	v := make([]float32, e.Config.HiddenSize)
	known, err := e.WithTokens(map[int][]float32{7: v})
	require.NoError(t, err)
	same := e.Digest([]int{1, 2}, 0)
	assert.Equal(t, same, e.Digest([]int{1, 2}, 0))
	assert.Equal(t, same, known.Digest([]int{1, 2}, 0), "other tokens are new")
	for name, other := range map[string][32]byte{
		"ids": e.Digest([]int{1, 3}, 0), "skip": e.Digest([]int{1, 2}, 1), "norm": raw.Digest([]int{1, 2}, 0), "weights": twin.Digest([]int{1, 2}, 0),
	} {
		assert.NotEqual(t, same, other, name)
	}
	before := known.Digest([]int{7}, 0)
	assert.NotEqual(t, e.Digest([]int{7}, 0), before)
	v[0] = 1
	assert.NotEqual(t, before, known.Digest([]int{7}, 0), "vectors")
}
