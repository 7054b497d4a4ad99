package diffusion

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/clip"
	"sdgo/internal/golden"
)

// Two text encoders' numbers of a token stand side by side, and every place that asks for
// the text knows both.
func TestTextStages(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	second, err := clip.LoadTextEncoderFS(golden.Model(t, "tiny-sdxl"), "text_encoder_2", nil)
	require.NoError(t, err)
	defer second.Close()
	text := p.Tokenizer.Encode(prompt)
	a, err := p.TextEncoder.Encode(t.Context(), [][]int{text.IDs}, 0)
	require.NoError(t, err)
	b, err := second.Encode(t.Context(), [][]int{text.IDs}, 0)
	require.NoError(t, err)

	p.moreText = []textStage{{p.Tokenizer, second}}
	r, err := p.newRun(t.Context(), textToImage{}, quick(1))
	require.NoError(t, err)
	defer r.close()
	both, _, err := r.embed(t.Context(), "prompt", prompt, 0)
	require.NoError(t, err)
	c, d := p.TextEncoder.Config.HiddenSize, second.Config.HiddenSize
	require.Equal(t, tensor.Shape{1, 77, c + d}, both.Shape())
	for i := range 77 {
		row := slices.Concat(a.Tokens.Float32s()[i*c:(i+1)*c], b.Tokens.Float32s()[i*d:(i+1)*d])
		assert.Equal(t, row, both.Float32s()[i*(c+d):(i+1)*(c+d)], "token %d", i)
	}

	plan, err := p.Plan(nil)
	require.NoError(t, err)
	assert.Len(t, plan.Parts, 4)
	assert.ErrorContains(t, p.check(), "the U-Net reads text of width 32 (cross_attention_dim), the text encoder writes 80 (hidden_size)")
	_, err = p.TextToImage(t.Context(), prompt, &Options{ClipSkip: second.Config.NumHiddenLayers})
	assert.ErrorContains(t, err, "diffusion: clip skip: have")
	longer := *p.Tokenizer
	longer.MaxLength = 20
	p.moreText[0].tokenizer = &longer
	assert.ErrorContains(t, p.ready(), "diffusion: tokenizer 2 writes 20 tokens (model_max_length), want 77, as the first does")
	p.moreText[0].encoder = nil
	assert.EqualError(t, p.ready(), "diffusion: a part of the pipeline is nil")
}
