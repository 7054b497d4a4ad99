package diffusion

import (
	"compress/gzip"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/sampler"
)

// figures tell an embedding from others: its size, its mean, that of its absolute values, a
// mean with weights, and four of its numbers.
type figures []float64

func figuresOf(x []float32) figures {
	n := len(x)
	f := make(figures, 8)
	f[0] = float64(n)
	for i, v := range x {
		f[1] += float64(v) / float64(n)
		f[2] += math.Abs(float64(v)) / float64(n)
		f[3] += float64(v) * float64(1+i%7) / float64(n)
	}
	for j := range 4 {
		f[4+j] = float64(x[(j*7919+13)%n])
	}
	return f
}

// weightedGolden is a prompt with what the programs' rules make of it, as testdata/README.md
// tells: of each part the first text and the last one, each with its pooled embedding if the model
// has one.
type weightedGolden struct {
	Prompt string
	Steps  int
	Values map[string][][]figures // by "syntax model"
}

type weightedGoldens struct {
	Vectors           [][]float32
	Prompts, Inverted []weightedGolden
}

func readWeighted(t *testing.T) (all weightedGoldens) {
	f, err := os.Open("testdata/prompts/embeddings.json.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(z).Decode(&all))
	return all
}

// weightTolerance is for figures of embeddings, relative to the largest: as for any text
// encoder, and what restoring a mean near zero makes of it.
const weightTolerance = 1e-4

// check compares what a pipeline makes of a prompt.
func (g *weightedGolden) check(t *testing.T, p *Pipeline, want [][]figures, o Options) {
	o.Sampler, o.Steps = sampler.Euler{}, g.Steps
	r, err := p.newRun(t.Context(), textToImage{}, g.Prompt, &o)
	require.NoError(t, err, "%q", g.Prompt)
	defer r.close()
	phrases, cut, err := r.say(t.Context(), Cond, r.wording(Cond, g.Prompt), nil)
	require.NoError(t, err, "%q", g.Prompt)
	assert.Empty(t, strings.Join(cut[:], ""))
	var have [][]figures
	for _, phrase := range phrases {
		for _, position := range []int{0, g.Steps} {
			said := phrase.texts[phrase.at(position)]
			one := []figures{figuresOf(said.tokens.Float32s())}
			if p.xl() {
				one = append(one, figuresOf(said.pooled))
			}
			have = append(have, one)
		}
	}
	if o.Syntax == SyntaxComfyUI {
		have = have[:1]
	}
	require.Len(t, have, len(want), "%v %q", o.Syntax, g.Prompt)
	for i := range want {
		for k := range want[i] {
			w, h := want[i][k], have[i][k]
			require.Equal(t, w[0], h[0], "%v %q: size", o.Syntax, g.Prompt)
			scale := 0.0
			for _, v := range w[1:] {
				scale = max(scale, math.Abs(v))
			}
			assert.InDeltaSlice(t, w[1:], h[1:], weightTolerance*scale, "%v %q: text %d, part %d", o.Syntax, g.Prompt, i, k)
		}
	}
}

// Weights make of embeddings what the formulas of WebUI and ComfyUI, and compel's where it
// is ComfyUI's, make of them in torch.
func TestWeightedPrompts(t *testing.T) {
	pipes := map[string]*Pipeline{}
	for _, model := range []string{"tiny-sd15", "tiny-sd21-v", "tiny-sdxl"} {
		pipes[model] = load(t, model, nil)
	}
	counts := map[string]int{}
	for _, g := range readWeighted(t).Prompts {
		for key, want := range g.Values {
			name, model, _ := strings.Cut(key, " ")
			o := Options{}
			require.NoError(t, o.Syntax.UnmarshalText([]byte(name)))
			if model == "skip" {
				model, o.ClipSkip = "tiny-sd15", 1
			}
			g.check(t, pipes[model], want, o)
			counts[key]++
		}
	}
	for _, key := range []string{"webui tiny-sd15", "comfyui tiny-sd15"} {
		assert.Greater(t, counts[key], 200, key)
	}
	for _, key := range []string{"webui tiny-sd21-v", "comfyui tiny-sd21-v", "webui tiny-sdxl", "comfyui tiny-sdxl", "webui skip", "comfyui skip"} {
		assert.Greater(t, counts[key], 40, key)
	}
}

// A textual inversion has the weight of its word, and is not parted where a chunk ends.
func TestWeightedInversions(t *testing.T) {
	all := readWeighted(t)
	p := load(t, "tiny-sd15", nil)
	for _, g := range all.Inverted {
		g.Steps = 10
		g.check(t, p, g.Values["webui tiny-sd15"], Options{Syntax: SyntaxWebUI, Embeddings: []Embedding{{Token: "<cat>", First: all.Vectors}}})
	}
	assert.Greater(t, len(all.Inverted), 20)
}

// Whole runs end with the latents of diffusers' pipelines that were given embeddings made by
// the programs' rules, others at each call.
func TestWeightedRuns(t *testing.T) {
	data, err := os.ReadFile("testdata/prompts/runs.json")
	require.NoError(t, err)
	var runs []struct {
		Name, Model, Sampler, Prompt, Negative string
		Syntax                                 Syntax
		Steps                                  int
		Latents                                []float32
	}
	require.NoError(t, json.Unmarshal(data, &runs))
	require.NotEmpty(t, runs)
	for _, r := range runs {
		t.Run(r.Name, func(t *testing.T) {
			p := load(t, r.Model, nil)
			s, err := sampler.ByName(r.Sampler)
			require.NoError(t, err)
			got, err := p.TextToImage(t.Context(), r.Prompt, &Options{
				Syntax: r.Syntax, NegativePrompt: r.Negative, Sampler: s, Steps: r.Steps, Guidance: 5, Width: 64, Height: 64, Seed: 3, Output: OutputLatent,
			})
			require.NoError(t, err)
			golden.Close(t, r.Latents, got.Latents.Float32s(), tolerance, "latents")
			assert.Empty(t, got.Truncated+got.TruncatedNegative)
		})
	}
}
