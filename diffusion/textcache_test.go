package diffusion

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A text is encoded once, whoever asks, and what it depends on tells it from others.
func TestTextCache(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	fresh := load(t, "tiny-sd15", nil)
	draw := func(p *Pipeline, prompt string, o Options) *Result {
		o.Steps, o.Width, o.Height = 2, 64, 64
		result, err := p.TextToImage(t.Context(), prompt, &o)
		require.NoError(t, err)
		return result
	}
	count := func() int { return len(p.texts.kept) }
	cat := make([]float32, p.TextEncoder.Config.HiddenSize)
	other := make([]float32, len(cat))
	cat[3], other[4] = 1, 1
	for _, tt := range []struct {
		prompt string
		o      Options
		more   int
	}{
		{"a house", Options{}, 2}, {"a house", Options{}, 0}, {"a house", Options{Syntax: SyntaxWebUI}, 0}, {"a (house:1.2)", Options{Syntax: SyntaxWebUI}, 0},
		{"a house", Options{NegativePrompt: "a house"}, 0}, {"a house", Options{ClipSkip: 1}, 1},
		{"a <cat>", Options{Embeddings: []Embedding{{Token: "<cat>", First: [][]float32{cat}}}}, 1},
		{"a <cat>", Options{Embeddings: []Embedding{{Token: "<cat>", First: [][]float32{other}}}}, 1},
		{"a house", Options{Embeddings: []Embedding{{Token: "<cat>", First: [][]float32{cat}}}}, 0},
	} {
		before := count()
		got := draw(p, tt.prompt, tt.o)
		assert.Equal(t, before+tt.more, count(), "%q %v", tt.prompt, tt.o)
		fresh.texts.clear()
		assert.Equal(t, draw(fresh, tt.prompt, tt.o).Images, got.Images, "%q", tt.prompt)
	}
	before := count()
	style := lora(t, p, "tiny-sd15-kohya")
	adapted := draw(p, "a house", Options{Adapters: []Adapter{{style, 1}}})
	assert.Equal(t, before+2, count(), "an adapter changes the text encoder")
	assert.NotEqual(t, adapted.Images, draw(p, "a house", Options{}).Images)
	assert.Equal(t, adapted.Images, draw(p, "a house", Options{Adapters: []Adapter{{style, 1}}}).Images)
	draw(p, "a house", Options{Adapters: []Adapter{{style.TextEncoders(0), 1}}})
	assert.Equal(t, before+2, count(), "one for the U-Net alone does not")
	for _, x := range p.texts.kept { // what is kept is what is read
		kept := x.Value.(keptText)
		for i := range kept.tokens {
			kept.tokens[i] = 0
		}
	}
	assert.NotEqual(t, draw(fresh, "a house", Options{}).Images, draw(p, "a house", Options{}).Images)
	require.NoError(t, p.Close())
	assert.Zero(t, count())
}

// The cache has a bound, and any number of calls may use it at once.
func TestTextCacheBound(t *testing.T) {
	c := &textCache{}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for k := range 64 {
				key := textKey{byte(k), byte(i % 2)}
				c.put(key, encodedText{tokens: make([]float32, 1<<18)})
				if e, ok := c.get(key); ok {
					assert.Len(t, e.tokens, 1<<18)
				}
			}
		})
	}
	all.Wait()
	assert.Equal(t, textCacheSize, c.size)
	assert.Len(t, c.kept, 16)
	c.put(textKey{99, 99}, encodedText{tokens: make([]float32, textCacheSize)})
	_, ok := c.get(textKey{99, 99})
	assert.False(t, ok, "too large")
}

// Calls at once read the same embeddings, and make what each makes alone.
func TestTextCacheShared(t *testing.T) {
	p := load(t, "tiny-sdxl", nil)
	words := []string{"a house", "a (house:1.3) [boat|cat]"}
	draw := func(i int) []float32 {
		result, err := p.TextToImage(t.Context(), words[i], &Options{Syntax: SyntaxWebUI, NegativePrompt: "a boat", Steps: 2, Width: 64, Height: 64, Output: OutputLatent})
		if !assert.NoError(t, err) { // in goroutines
			return nil
		}
		return result.Latents.Float32s()
	}
	want := [][]float32{draw(0), draw(1)}
	p.texts.clear()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() { assert.Equal(t, want[i%2], draw(i%2)) })
	}
	all.Wait()
}
