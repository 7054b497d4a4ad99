package diffusion

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/clip"
	"sdgo/internal/golden"
)

// embeddingTolerance is for a text encoder, relative to the largest value: another order
// of sums in single precision makes up to 1.5e-6 of it in the reference.
const embeddingTolerance = 1e-5

// sdxlStage is a text stage of Stable Diffusion XL, which takes tokens without the final
// normalisation, and of the last layer but one: a clip skip of 1 where diffusers says
// none.
func sdxlStage(t *testing.T, tokenizer, encoder string) textStage {
	model := golden.Model(t, "tiny-sdxl")
	tok, err := clip.LoadTokenizerContext(t.Context(), model, tokenizer)
	require.NoError(t, err)
	whole, err := clip.LoadTextEncoderFS(model, encoder, nil)
	require.NoError(t, err)
	t.Cleanup(func() { whole.Close() })
	raw, err := whole.WithoutNorm()
	require.NoError(t, err)
	return textStage{tok, raw}
}

// The tokens of two stages stand side by side: those of Stable Diffusion XL.
func TestTextStages(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	first, second := sdxlStage(t, "tokenizer", "text_encoder"), sdxlStage(t, "tokenizer_2", "text_encoder_2")
	p.Tokenizer, p.TextEncoder, p.moreText = first.tokenizer, first.encoder, []textStage{second}
	for name, skip := range map[string]int{"plain": 1, "skipped": 2} {
		data, err := os.ReadFile("testdata/sdxltext/" + name + ".f32")
		require.NoError(t, err)
		want := make([]float32, 77*80)
		require.NoError(t, binary.Read(bytes.NewReader(data), binary.LittleEndian, want))
		r, err := p.newRun(t.Context(), textToImage{}, prompt, quick(1))
		require.NoError(t, err)
		defer r.close()
		have, _, err := r.embed(t.Context(), wording{name: "prompt", words: "a photo of a cat", skip: skip})
		require.NoError(t, err)
		require.Equal(t, tensor.Shape{1, 77, 80}, have.Shape())
		golden.Close(t, want, have.Float32s(), embeddingTolerance, name)
	}
}

// Every place that asks for the text knows all stages.
func TestTextStageChecks(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	second := sdxlStage(t, "tokenizer_2", "text_encoder_2")
	p.moreText = []textStage{second}
	plan, err := p.Plan(nil)
	require.NoError(t, err)
	assert.Len(t, plan.Parts, 4)
	assert.ErrorContains(t, p.check(), "the U-Net reads text of width 32 (cross_attention_dim), the text encoder writes 80 (hidden_size)")
	layers := second.encoder.Config.NumHiddenLayers
	_, err = p.TextToImage(t.Context(), prompt, &Options{ClipSkip: layers})
	assert.ErrorContains(t, err, "diffusion: clip skip: have")
	longer := *second.tokenizer
	longer.MaxLength = 20
	p.moreText[0].tokenizer = &longer
	assert.ErrorContains(t, p.ready(), "diffusion: tokenizer 2 writes 20 tokens (model_max_length), want 77, as the first does")
	p.moreText[0].encoder = nil
	assert.EqualError(t, p.ready(), "diffusion: a part of the pipeline is nil")
}
