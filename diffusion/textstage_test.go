package diffusion

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/golden"
)

// embeddingTolerance is for a text encoder, relative to the largest value: another order
// of sums in single precision makes up to 1.5e-6 of it in the reference.
const embeddingTolerance = 1e-5

// The tokens of two stages stand side by side: those of Stable Diffusion XL.
func TestTextStages(t *testing.T) {
	p := load(t, "tiny-sdxl", nil)
	for name, skip := range map[string]int{"plain": 0, "skipped": 1} {
		data, err := os.ReadFile("testdata/sdxltext/" + name + ".f32")
		require.NoError(t, err)
		want := make([]float32, 77*80)
		require.NoError(t, binary.Read(bytes.NewReader(data), binary.LittleEndian, want))
		r, err := p.newRun(t.Context(), textToImage{}, prompt, quick(1))
		require.NoError(t, err)
		defer r.close()
		have, err := r.embed(t.Context(), wording{name: "prompt", words: "a photo of a cat", skip: skip}, false)
		require.NoError(t, err)
		require.Equal(t, tensor.Shape{1, 77, 80}, have.tokens.Shape())
		golden.Close(t, want, have.tokens.Float32s(), embeddingTolerance, name)
	}
}

// Every place that asks for the text knows all stages.
func TestTextStageChecks(t *testing.T) {
	p, plain := load(t, "tiny-sdxl", nil), load(t, "tiny-sd15", nil)
	plan, err := p.Plan(nil)
	require.NoError(t, err)
	assert.Len(t, plan.Parts, 4)
	plain.Tokenizer2, plain.TextEncoder2 = p.Tokenizer2, p.TextEncoder2
	assert.ErrorContains(t, plain.check(), "the U-Net reads text of width 32 (cross_attention_dim), the text encoder writes 80 (hidden_size)")
	_, err = p.TextToImage(t.Context(), prompt, &Options{ClipSkip: 2})
	assert.EqualError(t, err, "diffusion: clip skip: have 2, want 0 to 1 for a model of 3 layers")
	longer := *p.Tokenizer2
	longer.MaxLength = 20
	p.Tokenizer2 = &longer
	assert.ErrorContains(t, p.ready(), "diffusion: tokenizer 2 writes 20 tokens (model_max_length), want 77, as the first does")
	second := p.TextEncoder2
	p.TextEncoder2 = p.TextEncoder
	assert.EqualError(t, p.ready(), "diffusion: the second text encoder has no projection (text_projection), want a CLIPTextModelWithProjection")
	p.TextEncoder2 = nil
	assert.EqualError(t, p.ready(), "diffusion: a part of the pipeline is nil")
	p.TextEncoder2 = second
}
