package diffusion

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/sampler"
)

// spoken are the phrases of a prompt and a negative prompt.
func spoken(t *testing.T, p *Pipeline, prompt string, o Options) (r *run) {
	o.Steps = 4
	r, err := p.newRun(t.Context(), textToImage{}, prompt, &o)
	require.NoError(t, err)
	t.Cleanup(r.close)
	_, err = textToImage{}.prepare(r)
	require.NoError(t, err)
	require.NoError(t, r.encodeText(t.Context()))
	return r
}

func TestSyntaxText(t *testing.T) {
	for s := SyntaxPlain; s <= SyntaxComfyUI; s++ {
		text, err := json.Marshal(s)
		require.NoError(t, err)
		var back Syntax
		require.NoError(t, json.Unmarshal([]byte(strings.ToUpper(string(text))), &back))
		assert.Equal(t, s, back)
	}
	_, err := Syntax(7).MarshalText()
	assert.EqualError(t, err, "diffusion: syntax: have Syntax(7), want one of plain, webui, comfyui")
	assert.EqualError(t, new(Syntax).UnmarshalText([]byte("x")), `diffusion: syntax: have "x", want one of plain, webui, comfyui`)
}

// WebUI fills the shorter of two prompts with empty chunks, and parts between AND with the last
// token of each; ComfyUI leaves them as they are.
func TestFilledPrompts(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	long := strings.Repeat("a, ", 50)
	r := spoken(t, p, long+" AND a cat :0.5", Options{Syntax: SyntaxWebUI, NegativePrompt: "grey"})
	width := r.textWidth()
	require.Equal(t, map[Condition][]form{Cond: {{tokens: 154}, {tokens: 154}}, Uncond: {{tokens: 154}}}, r.forms)
	require.Len(t, r.said[Cond], 2)
	assert.Equal(t, []float64{1, 0.5}, []float64{r.said[Cond][0].texts[0].share(), r.said[Cond][1].texts[0].share()})
	cat := r.said[Cond][1].texts[0].tokens.Float32s()
	last := cat[76*width : 77*width]
	for token := 77; token < 154; token++ {
		assert.Equal(t, last, cat[token*width:(token+1)*width])
	}
	empty := spoken(t, p, "", Options{Syntax: SyntaxWebUI}).said[Cond][0].texts[0].tokens.Float32s()
	assert.Equal(t, empty, r.said[Uncond][0].texts[0].tokens.Float32s()[77*width:])

	r = spoken(t, p, long, Options{Syntax: SyntaxComfyUI, NegativePrompt: "grey"})
	assert.Equal(t, map[Condition][]form{Cond: {{tokens: 154}}, Uncond: {{tokens: 77}}}, r.forms)
}

// Without weights a short prompt is what it is in plain words.
func TestSyntaxOfPlainWords(t *testing.T) {
	for _, model := range []string{"tiny-sd15", "tiny-sd21-v", "tiny-sdxl"} {
		p := load(t, model, nil)
		o := quick(2)
		o.NegativePrompt = "blur"
		want, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		for _, o.Syntax = range []Syntax{SyntaxWebUI, SyntaxComfyUI} {
			got, err := p.TextToImage(t.Context(), prompt, o)
			require.NoError(t, err)
			assert.Equal(t, want.Images, got.Images, "%s %v", model, o.Syntax)
		}
	}
}

// An empty negative prompt of Stable Diffusion XL is zeros in WebUI, and a text in ComfyUI. The
// second encoder's own words have as many chunks.
func TestSyntaxXL(t *testing.T) {
	p := load(t, "tiny-sdxl", nil)
	zero := func(s Syntax) bool {
		for _, v := range spoken(t, p, "a (red:1.2) house", Options{Syntax: s}).said[Uncond][0].texts[0].pooled {
			if v != 0 {
				return false
			}
		}
		return true
	}
	assert.True(t, zero(SyntaxWebUI))
	assert.False(t, zero(SyntaxComfyUI))

	long := strings.Repeat("a, ", 75)
	r := spoken(t, p, "a [red:blue:2] house", Options{Syntax: SyntaxWebUI, Prompt2: long + "[x|y]"})
	assert.Len(t, r.said[Cond][0].texts, 4, "red x, red y, blue x and blue y")
	assert.Equal(t, 77*3, r.forms[Cond][0].tokens)
	_, err := p.TextToImage(t.Context(), "a AND b AND c", &Options{Syntax: SyntaxWebUI, Prompt2: "a AND b"})
	assert.EqualError(t, err, "diffusion: prompt: for the second text encoder: have 2 parts between AND, want 1 or 3, as for the first")
}

// Positions are WebUI's: calls of the model, of which samplers of second order have twice as many.
func TestPromptPositions(t *testing.T) {
	for name, want := range map[string][]int{ // with 4 steps: which of 4 items each call has
		"euler": {1, 1, 2, 3}, "dpmpp_2m": {1, 1, 2, 3},
		"heun": {1, 1, 2, 3, 4, 1, 2}, "dpm2": {1, 1, 2, 3, 4, 1, 2},
		"heunpp2": {1, 1, 1, 1, 1, 2, 2, 2, 3}, // its own steps, of three calls or fewer
		"plms":    {1, 1, 2, 3, 4},
	} {
		p := load(t, "tiny-sd15", nil)
		s, err := sampler.ByName(name)
		require.NoError(t, err)
		var have []int
		o := &Options{Syntax: SyntaxWebUI, Steps: 4, Width: 64, Height: 64, Guidance: 1, Sampler: s, Output: OutputLatent}
		r, err := p.newRun(t.Context(), textToImage{}, "[a|b|c|d]", o)
		require.NoError(t, err)
		defer r.close()
		_, err = textToImage{}.prepare(r)
		require.NoError(t, err)
		require.NoError(t, r.claimMemory(t.Context()))
		require.NoError(t, r.encodeText(t.Context()))
		r.around = append(r.around, func(inner predictor) predictor {
			return func(ctx context.Context, q *question) ([]float32, error) {
				have = append(have, q.of[0].text+1)
				return inner(ctx, q)
			}
		})
		x, err := textToImage{}.start(t.Context(), r)
		require.NoError(t, err)
		require.NoError(t, r.sample(t.Context(), x))
		if name == "heunpp2" {
			assert.Equal(t, want[:1], have[:1])
			assert.Equal(t, 3, have[len(have)-1], "the last step's text")
			continue
		}
		assert.Equal(t, want, have, name)
	}
}

// A run that is saved amid edits and alternations goes on with the texts that it would have had.
func TestResumeEdits(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for _, s := range []sampler.Sampler{sampler.Euler{}, sampler.Heun{}} {
		const edits = "a [red:blue:3] [house|boat]"
		o := Options{Syntax: SyntaxWebUI, NegativePrompt: "[x|(y:1.3)]", Steps: 5, Width: 64, Height: 64, Sampler: s, Output: OutputLatent}
		var saved []byte
		o.OnStep = func(s Step) (err error) {
			if s.Step == 2 {
				saved, err = s.Save()
			}
			return err
		}
		want, err := p.TextToImage(t.Context(), edits, &o)
		require.NoError(t, err)
		o.Resume = saved
		got, err := p.TextToImage(t.Context(), edits, &o)
		require.NoError(t, err)
		assert.Equal(t, want.Latents.Float32s(), got.Latents.Float32s())
		_, err = p.TextToImage(t.Context(), "a [red:blue:2] [house|boat]", &o)
		assert.ErrorContains(t, err, "have a run with another prompt")
		o.Syntax = SyntaxPlain
		_, err = p.TextToImage(t.Context(), edits, &o)
		assert.ErrorContains(t, err, "have a run with another ")
	}
}

// The deep part of the U-Net is computed again where the text changes.
func TestReuseOfEdits(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := quick(1)
	o.Steps, o.Syntax, o.Reuse, o.Sampler = 6, SyntaxWebUI, Reuse{Interval: 6}, sampler.Euler{}
	for prompt, reused := range map[string]int{"a [red:blue:3] house": 4, "a [red|blue] house": 1, "a house": 5} {
		result, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		assert.Equal(t, []int{reused}, result.Reused, prompt)
	}
}

// Errors name the prompt and the place in it.
func TestSyntaxErrors(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	deep := "a house " + strings.Repeat("(", 101)
	for want, tt := range map[string]struct {
		prompt string
		o      Options
	}{
		"diffusion: prompt: prompt: more than 100 brackets are open at byte 108":                                   {deep, Options{Syntax: SyntaxWebUI}},
		"diffusion: negative prompt: prompt: more than 100 brackets are open at byte 108":                          {"a", Options{Syntax: SyntaxWebUI, NegativePrompt: deep}},
		"diffusion: prompt: have more than 4096 chunks of tokens in all texts, want fewer":                         {strings.Repeat("BREAK ", 5000), Options{Syntax: SyntaxWebUI}},
		"diffusion: prompt: part 2 between AND: have more than 4096 chunks":                                        {"a AND" + strings.Repeat(" BREAK", 5000), Options{Syntax: SyntaxWebUI}},
		"diffusion: prompt: as it is up to step 7 of 10: have more than 4096 chunks":                               {"[a|b|c|d|e|f|g|h]" + strings.Repeat(" BREAK", 600), Options{Syntax: SyntaxWebUI, Steps: 10}},
		"diffusion: prompt: part 2 between AND: have a weight of -1e+09, want -1000 to 1000":                       {"a AND b :-1000000000", Options{Syntax: SyntaxWebUI}},
		"diffusion: prompt: chunk 1: the weights are too large: they multiply to numbers that are not finite":      {"a " + strings.Repeat("(", 90) + "b" + strings.Repeat(":100000)", 90), Options{Syntax: SyntaxWebUI}},
		"diffusion: negative prompt: chunk 1: the weights are too large: they make embeddings that are not finite": {"a", Options{Syntax: SyntaxComfyUI, NegativePrompt: "(b:1e300)"}},
		"diffusion: syntax: have Syntax(-1), want one of plain, webui, comfyui":                                    {"a", Options{Syntax: -1}},
		"diffusion: cond: have embeddings beside a prompt, want one of the two":                                    {"a", Options{Syntax: SyntaxWebUI, Cond: embedded(t, p, "a", 77)}},
	} {
		_, err := p.TextToImage(t.Context(), tt.prompt, &tt.o)
		assert.ErrorContains(t, err, want, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.TextToImage(ctx, strings.Repeat("a", 10<<20), &Options{Syntax: SyntaxWebUI})
	assert.ErrorIs(t, err, context.Canceled)
}

// Plans and the memory of a call count chunks.
func TestSyntaxNeed(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	long := strings.Repeat("a, ", 130)
	plan, err := p.PlanPrompt(long, &Options{Syntax: SyntaxWebUI, NegativePrompt: "b"})
	require.NoError(t, err)
	short, err := p.PlanPrompt("a", &Options{Syntax: SyntaxWebUI, NegativePrompt: "b"})
	require.NoError(t, err)
	require.Len(t, plan.Parts, 3)
	work := func(p *PartPlan) (flops float64) {
		for _, s := range p.Steps {
			flops += s.FLOPs
		}
		return flops
	}
	assert.InDelta(t, 2.5, work(plan.Parts[0])/work(short.Parts[0]), 0.01, "text encoder: five chunks and two")
	assert.Greater(t, work(plan.Parts[1]), work(short.Parts[1]), "U-Net")

	need := func(prompt string) (*run, int64) {
		r := spoken(t, p, prompt, Options{Syntax: SyntaxWebUI})
		n, err := r.need(nil)
		require.NoError(t, err)
		return r, n.Small
	}
	_, one := need("a")
	r, chunks := need(long)
	assert.Equal(t, []batch{{2, form{tokens: 4 * 77}}}, r.batches(r.conditions), "of which the U-Net's memory is that of a call")
	_, texts := need("[a|b|c|d]")
	const token = 77 * 32 * 4
	assert.Greater(t, chunks, one+collected*2*3*token)
	assert.Greater(t, texts, one+collected*2*token)
}

// A run that goes on where another ended has the texts of the whole.
func TestHandedOverEdits(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	const edits = "a [red|blue] [house:boat:4]"
	for _, edits := range []string{"a house", edits} {
		o := Options{Syntax: SyntaxWebUI, Steps: 6, Width: 64, Height: 64, Sampler: sampler.Euler{}, Output: OutputLatent}
		want, err := p.TextToImage(t.Context(), edits, &o)
		require.NoError(t, err)
		o.DenoisingEnd = 0.5
		half, err := p.TextToImage(t.Context(), edits, &o)
		require.NoError(t, err)
		o.DenoisingStart, o.DenoisingEnd, o.Latents = 0.5, 0, half.Latents
		got, err := p.TextToImage(t.Context(), edits, &o)
		require.NoError(t, err)
		golden.Close(t, want.Latents.Float32s(), got.Latents.Float32s(), tolerance, edits)
	}
}
