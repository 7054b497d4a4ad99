package diffusion

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/safetensors"
)

// inversions has files of textual inversions for tiny-sd15 and tiny-sdxl.
var inversions = os.DirFS("../internal/inversion/testdata")

// inversionCase is a pipelineCase whose model is a list.
type inversionCase struct {
	pipelineCase
	Model texts
}

func loadEmbedding(t *testing.T, p *Pipeline, name, token string) Embedding {
	e, err := p.LoadEmbeddingFS(inversions, name)
	require.NoError(t, err)
	if token != "" {
		e.Token = token
	}
	return e
}

// The word stands for all vectors, from every form of file, as in diffusers.
func TestEmbeddingGolden(t *testing.T) {
	g := golden.Open(t, "pipelines/textual_inversion/learned_embeds")
	var c inversionCase
	g.Decode(&c)
	p := load(t, c.Model[0], &c.pipelineCase)
	var first *Result
	for _, name := range []string{"learned_embeds.safetensors", "a1111.safetensors", "a1111.pt", "parameterdict.pt", "bare.pt", "text.png", "pixels.png", "pixels.webp"} {
		o := c.options(0)
		o.Embeddings = []Embedding{loadEmbedding(t, p, name, "<tiny-cat>")}
		result, err := p.TextToImage(t.Context(), c.Call.Prompt[0], o)
		require.NoError(t, err)
		if first == nil {
			first = result
			golden.Close(t, g.Float32s("final_latents"), result.Latents.Float32s(), tolerance, "final latents")
			golden.Close(t, g.Float32s("image"), unit(result.Images), 1.0/255+tolerance, "image, a rounding step")
		}
		assert.Equal(t, first.Latents.Float32s(), result.Latents.Float32s(), name)
	}
	_, known := p.Tokenizer.TokenID("<tiny-cat>")
	assert.False(t, known, "the pipeline stays as it is")
}

// Both text encoders of Stable Diffusion XL have vectors of their own, in both prompts.
func TestEmbeddingXL(t *testing.T) {
	g := golden.Open(t, "pipelines/textual_inversion/sdxl_pair")
	var c inversionCase
	g.Decode(&c)
	p := load(t, c.Model[0], &c.pipelineCase)
	e := loadEmbedding(t, p, "pair.safetensors", "")
	assert.Equal(t, "pair", e.Token)
	assert.Empty(t, e.Warnings)
	e.Token = "<pair>"
	o := c.options(0)
	o.Embeddings = []Embedding{e}
	result, err := p.TextToImage(t.Context(), c.Call.Prompt[0], o)
	require.NoError(t, err)
	golden.Close(t, g.Float32s("final_latents"), result.Latents.Float32s(), tolerance, "final latents")

	r, err := p.newRun(t.Context(), &textToImage{}, c.Call.Prompt[0], o)
	require.NoError(t, err)
	defer r.close()
	_, err = r.task.prepare(r)
	require.NoError(t, err)
	require.NoError(t, r.encodeText(t.Context()))
	for name, want := range map[string][]float32{"cond": r.said[Cond][0].texts[0].tokens.Float32s(), "uncond": r.said[Uncond][0].texts[0].tokens.Float32s(), "pooled": r.said[Cond][0].texts[0].pooled, "negative_pooled": r.said[Uncond][0].texts[0].pooled} {
		golden.Close(t, g.Float32s(name), want, 1e-5, name)
	}
}

// savedVectors are the vectors of tokens in the case ti-multivector.
func savedVectors(t *testing.T, p *Pipeline, tokens ...string) (vectors [][]float32) {
	file, err := safetensors.OpenFS(golden.Folder(t, "ti-multivector"), "text_encoder/model.safetensors")
	require.NoError(t, err)
	defer file.Close()
	name := "text_model.embeddings.token_embedding.weight"
	table, ok := file.Tensor(name)
	if !ok {
		table, ok = file.Tensor(strings.TrimPrefix(name, "text_model."))
	}
	require.True(t, ok)
	x, err := table.Float32s()
	require.NoError(t, err)
	for _, token := range tokens {
		id, ok := p.Tokenizer.TokenID(token)
		require.True(t, ok)
		d := table.Shape[1]
		vectors = append(vectors, slices.Clone(x[id*d:(id+1)*d]))
	}
	return vectors
}

// The bytes are those of a pipeline that was saved with the tokens.
func TestEmbeddingLikeSaved(t *testing.T) {
	saved, err := LoadFS(golden.Folder(t, "ti-multivector"), nil)
	require.NoError(t, err)
	defer saved.Close()
	plain := load(t, "tiny-sd15", nil)
	vectors := savedVectors(t, saved, "<cat-toy>", "<cat-toy>_1", "<cat-toy>_2")
	o := &Options{Steps: 2, Width: 64, Height: 64, Seed: 1, NegativePrompt: "<cat-toy>, bad"}
	want, err := saved.TextToImage(t.Context(), "a photo of <cat-toy> on a hill", o)
	require.NoError(t, err)
	o.Embeddings = []Embedding{{Token: "<cat-toy>", First: vectors}}
	have, err := plain.TextToImage(t.Context(), "a photo of <cat-toy> on a hill", o)
	require.NoError(t, err)
	assert.Equal(t, want.Latents.Float32s(), have.Latents.Float32s())
	// Upper case is the same word, and "<cat-toy>_1" one vector of it.
	upper, err := plain.TextToImage(t.Context(), "a photo of <CAT-toy> on a hill", o)
	require.NoError(t, err)
	assert.Equal(t, want.Latents.Float32s(), upper.Latents.Float32s())
	one, err := plain.TextToImage(t.Context(), "a photo of <cat-toy>_1 on a hill", o)
	require.NoError(t, err)
	assert.NotEqual(t, want.Latents.Float32s(), one.Latents.Float32s())
}

// Calls at once with inversions of their own are what they are alone.
func TestEmbeddingsAtOnce(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	base := loadEmbedding(t, p, "a1111.pt", "").First
	options := func(i int) *Options {
		var e []Embedding
		for k := range i % 3 {
			v := slices.Clone(base[k : k+1+i%2])
			v[0] = slices.Clone(v[0])
			v[0][i] += 1
			e = append(e, Embedding{Token: fmt.Sprintf("<word-%d>", k), First: v})
		}
		return &Options{Steps: 2, Width: 64, Height: 64, Guidance: 3, Embeddings: e}
	}
	const calls = 8
	var want, have [calls][]float32
	for i := range calls {
		r, err := p.TextToImage(t.Context(), "a <word-0> and <word-1>", options(i))
		require.NoError(t, err)
		want[i] = r.Latents.Float32s()
	}
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() {
			r, err := p.TextToImage(t.Context(), "a <word-0> and <word-1>", options(i))
			if assert.NoError(t, err) {
				have[i] = r.Latents.Float32s()
			}
		})
	}
	wg.Wait()
	assert.Equal(t, want, have)
	assert.NotEqual(t, want[0], want[1])
}

func TestEmbeddingErrors(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	v := loadEmbedding(t, p, "a1111.pt", "").First
	bad := slices.Clone(v[0])
	bad[3] = float32(math.NaN())
	good := Embedding{Token: "<a>", First: v}
	for _, tt := range []struct {
		list []Embedding
		want string
	}{
		{[]Embedding{{Token: "<a>"}}, `embeddings: number 0, "<a>": have no vectors, want some`},
		{[]Embedding{good, good}, `number 1, "<a>": clip: new token "<a>": there is one already, want another name`},
		{[]Embedding{good, {Token: "<A>", First: v}}, `there is one already`},
		{[]Embedding{{Token: "<A>", First: v}, {Token: "<a>", First: v}}, `there is "<A>" already, which is the same in lower case`},
		{[]Embedding{{Token: "<|endoftext|>", First: v}}, `there is one already`},
		{[]Embedding{{Token: "an", First: v}}, `"an" is a token of the vocabulary, want another name`},
		{[]Embedding{{Token: "AN", First: v}}, `"an" is a token of the vocabulary, want another name`},
		{[]Embedding{{Token: " ", First: v}}, `want a text that is not empty`},
		{[]Embedding{{Token: strings.Repeat("x", 2000), First: v}}, `want at most 1024`},
		{[]Embedding{{Token: "<a>", Second: v}}, `have vectors for the second text encoder, want none: the model has none`},
		{[]Embedding{{Token: "<a>", First: [][]float32{make([]float32, 1024)}}}, `vector 0: have 1024 numbers, as for Stable Diffusion 2, want 32, as the first text encoder reads`},
		{[]Embedding{{Token: "<a>", First: [][]float32{v[0], bad}}}, `vector 1: element 3 is NaN, want finite numbers`},
		{[]Embedding{{Token: "<a>", First: slices.Repeat(v, 400)}}, `have 1200 vectors, want 1 to 1024`},
		{make([]Embedding, 300), `have 300, want at most 256`},
	} {
		_, err := p.TextToImage(t.Context(), "a", &Options{Steps: 1, Embeddings: tt.list})
		var wrong *OptionError
		require.ErrorAs(t, err, &wrong, tt.want)
		assert.Equal(t, "Embeddings", wrong.Option)
		assert.ErrorContains(t, err, tt.want)
		assert.True(t, strings.HasPrefix(err.Error(), "diffusion: embeddings: "), err.Error())
	}
	_, err := p.LoadEmbeddingFS(inversions, "gen.py")
	assert.ErrorContains(t, err, "diffusion: load embedding: ")
	folder := filepath.Join(t.TempDir(), "folder")
	require.NoError(t, os.CopyFS(folder, inversions))
	_, err = p.LoadEmbedding(folder + string(filepath.Separator))
	require.NoError(t, err)
	wide, err := safetensors.NewFloat32("<a>", []int{2, 1024}, make([]float32, 2048))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "sd2.safetensors")
	require.NoError(t, safetensors.WriteFile(path, []safetensors.Tensor{wide}, nil))
	_, err = p.LoadEmbedding(path)
	assert.EqualError(t, err, "diffusion: load embedding: sd2.safetensors: have vectors of 1024 numbers, as for Stable Diffusion 2, want 32 (in "+filepath.Dir(path)+")")
	e, err := p.LoadEmbeddingFS(inversions, "pair.safetensors")
	require.NoError(t, err)
	assert.Equal(t, []string{"vectors clip_g of 48 numbers were left out: the model has no text encoder for them"}, e.Warnings)
}

// A run does not go on with other inversions.
func TestEmbeddingResume(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	e := loadEmbedding(t, p, "a1111.pt", "<t>")
	var saved []byte
	o := &Options{Steps: 3, Width: 64, Height: 64, NegativePrompt: "no <t>", Embeddings: []Embedding{e}, OnStep: func(s Step) (err error) {
		if s.Step == 1 {
			saved, err = s.Save()
		}
		return err
	}}
	want, err := p.TextToImage(t.Context(), "a house", o)
	require.NoError(t, err)
	o.OnStep, o.Resume = nil, saved
	have, err := p.TextToImage(t.Context(), "a house", o)
	require.NoError(t, err)
	assert.Equal(t, want.Images, have.Images)
	other := Embedding{Token: "<t>", First: slices.Clone(e.First)}
	other.First[1] = other.First[0]
	o.Embeddings = []Embedding{other}
	_, err = p.TextToImage(t.Context(), "a house", o)
	assert.ErrorContains(t, err, "embeddings")
}

// An adapter changes the text encoder that reads the vectors, as that of a pipeline that
// was saved with the tokens.
func TestEmbeddingWithAdapter(t *testing.T) {
	saved, err := LoadFS(golden.Folder(t, "ti-multivector"), nil)
	require.NoError(t, err)
	defer saved.Close()
	plain := load(t, "tiny-sd15", nil)
	o := &Options{Steps: 2, Width: 64, Height: 64, Seed: 1}
	picture := func(p *Pipeline, o Options) []float32 {
		o.Adapters = []Adapter{{lora(t, p, "tiny-sd15-peft"), 1}}
		r, err := p.TextToImage(t.Context(), "a photo of <cat-toy> on a hill", &o)
		require.NoError(t, err)
		return r.Latents.Float32s()
	}
	want := picture(saved, *o)
	o.Embeddings = []Embedding{{Token: "<cat-toy>", First: savedVectors(t, saved, "<cat-toy>", "<cat-toy>_1", "<cat-toy>_2")}}
	assert.Equal(t, want, picture(plain, *o))
}
