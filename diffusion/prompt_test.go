package diffusion

import (
	"context"
	"maps"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// The tokens of a textual inversion stand for all its vectors in both prompts: the
// last two find no place here.
func TestVectorsInBothPrompts(t *testing.T) {
	p := loadFolder(t, golden.Folder(t, "ti-multivector"), nil)
	prompt := strings.Repeat("a ", 74) + "<cat-toy>"
	result, err := p.TextToImage(t.Context(), prompt, &Options{NegativePrompt: prompt, Steps: 1, Width: 64, Height: 64})
	require.NoError(t, err)
	assert.Equal(t, "<cat-toy>_1<cat-toy>_2", result.Truncated)
	assert.Equal(t, "<cat-toy>_1<cat-toy>_2", result.TruncatedNegative)
}

// A token that the text encoder does not know is an error of the prompt with it.
func TestTokenBeyondTheEmbedding(t *testing.T) {
	folder := maps.Clone(golden.Folder(t, "class-name"))
	folder["tokenizer/added_tokens.json"] = &fstest.MapFile{Data: []byte(`{"<new>": 1000, "<new>_1": 1001}`)}
	p := loadFolder(t, folder, nil)
	o := &Options{Steps: 1, Width: 64, Height: 64}
	_, err := p.TextToImage(t.Context(), "a cat", o)
	require.NoError(t, err)
	_, err = p.TextToImage(t.Context(), "a <new>_1 cat", o)
	assert.EqualError(t, err, `diffusion: prompt: have token "<new>_1" with id 1001, which the text encoder does not know: it has embeddings of 1000 tokens (vocab_size)`)
	o.NegativePrompt = "a <NEW> cat"
	_, err = p.TextToImage(t.Context(), "a cat", o)
	assert.ErrorContains(t, err, `diffusion: negative prompt: have token "<new>" with id 1000`)
	o.NegativePrompt, o.Guidance = "", 1
	_, err = p.TextToImage(t.Context(), strings.Repeat("a ", 75)+"<new>", o)
	assert.NoError(t, err, "it was cut")
}

// A prompt of any length is cut as a short one is, or given up with its context.
func TestLongPrompt(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := &Options{Steps: 1, Width: 64, Height: 64, Guidance: 1}
	result, err := p.TextToImage(t.Context(), strings.Repeat("a ", 100_000), o)
	require.NoError(t, err)
	assert.Len(t, result.Truncated, 2*(100_000-75)-1)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = p.TextToImage(ctx, strings.Repeat("a", 10<<20), o)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

// A tokenizer that was changed after loading is an error, not a crash.
func TestTokenizerLength(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for _, length := range []int{-1, 0, 1, 78, 1 << 40} {
		tok := *p.Tokenizer
		tok.MaxLength = length
		changed := *p
		changed.Tokenizer = &tok
		_, err := changed.TextToImage(t.Context(), "a", &Options{Steps: 1, Width: 64, Height: 64})
		assert.ErrorContains(t, err, "diffusion: the tokenizer writes ")
	}
}
