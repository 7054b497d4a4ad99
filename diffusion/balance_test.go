package diffusion

import (
	"context"
	"image"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/sampler"
)

// AND adds what each part changes of the negative prompt's prediction, by its weight times the
// guidance scale, as WebUI does.
func TestAnd(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	first := func(prompt string, guidance float64) (estimate []float32) {
		o := &Options{Syntax: SyntaxWebUI, NegativePrompt: "grey", Guidance: guidance, Steps: 2, Width: 64, Height: 64, Sampler: sampler.Euler{}, Output: OutputLatent}
		o.Wrap = func(d sampler.Denoiser) sampler.Denoiser {
			return func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
				est, err := d(ctx, x, sigma)
				if estimate == nil && err == nil {
					estimate = append(estimate, est.Denoised...)
				}
				return est, err
			}
		}
		_, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		return estimate
	}
	red, boat, grey := first("a red house", 1), first("a [boat:cat:1]", 1), first("grey", 1)
	for _, guidance := range []float64{1, 5} {
		want := make([]float32, len(red))
		for i, u := range grey {
			want[i] = u + float32(guidance)*(red[i]-u) + float32(guidance)*0.4*(boat[i]-u)
		}
		golden.Close(t, want, first("a red house AND a [boat:cat:1] :0.4", guidance), tolerance, "clean latents")
	}
	golden.Close(t, red, first("a red house :0.5 AND a red house :0.5", 1), tolerance, "halves")
}

// Parts of a prompt are spared and saved as one prompt is, and their memory is planned.
func TestAndElsewhere(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := quick(1)
	o.Steps, o.Syntax, o.Reuse = 4, SyntaxWebUI, Reuse{Interval: 2}
	result, err := p.TextToImage(t.Context(), "a house AND a [boat|cat] :0.5 AND a hill :-0.2", o)
	require.NoError(t, err)
	assert.Len(t, result.Reused, 1)
	for guidance, texts := range map[float64]int{1: 3, 5: 3} {
		planned, err := p.sizeOf("a AND b", &Options{Syntax: SyntaxWebUI, Guidance: guidance, Steps: 1})
		require.NoError(t, err)
		assert.Equal(t, []batch{{texts, form{tokens: 77}}}, planned.batches)
		assert.Equal(t, texts, planned.texts)
	}
}

// The memory that a call claims is enough for all that its steps ask the U-Net side by side, also
// where a condition or a region between two others is left out.
func TestNeighboursThatAreLeftOut(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	left := image.Rect(0, 0, 32, 64)
	long := strings.Repeat("a ", 100)
	for name, tt := range map[string]struct {
		prompt string
		o      Options
	}{
		"a condition": {"a house AND a boat :0.5 AND a hill", Options{Syntax: SyntaxWebUI, Guider: LimitedInterval{PerturbedAttention{}, Interval{Low: 0.5, High: 2}}}},
		"a region":    {"a house", Options{Syntax: SyntaxComfyUI, Regions: []Region{{Prompt: long, NegativePrompt: long, Box: left, End: 0.5}}}},
		"a window":    {"a house", Options{Syntax: SyntaxComfyUI, Windows: Windows{Width: 32}, Regions: []Region{{Prompt: long, NegativePrompt: long, Box: left}}}},
	} {
		tt.o.Steps, tt.o.Width, tt.o.Height, tt.o.Sampler, tt.o.Output = 4, 64, 64, sampler.Euler{}, OutputLatent
		_, err := p.TextToImage(t.Context(), tt.prompt, &tt.o)
		assert.NoError(t, err, name)
	}
}

// Prompts of regions are written in the same syntax: one of the whole picture is the prompt.
func TestRegionSyntax(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	const words = "a (red:1.4) [house|boat] AND a hill :0.3"
	for _, guidance := range []float64{1, 5} {
		o := Options{Syntax: SyntaxWebUI, NegativePrompt: "(grey:0.7)", Guidance: guidance, Steps: 3, Width: 64, Height: 64, Sampler: sampler.Euler{}, Output: OutputLatent}
		want, err := p.TextToImage(t.Context(), words, &o)
		require.NoError(t, err)
		o.Regions = []Region{{Prompt: words, Box: image.Rect(0, 0, 64, 64)}}
		o.NegativePrompt, o.Regions[0].NegativePrompt = "", o.NegativePrompt
		got, err := p.TextToImage(t.Context(), "a cat", &o)
		require.NoError(t, err)
		golden.Close(t, want.Latents.Float32s(), got.Latents.Float32s(), tolerance, "latents")
	}
	_, err := p.TextToImage(t.Context(), "a", &Options{Syntax: SyntaxWebUI, Regions: []Region{{Prompt: strings.Repeat("(", 101), Box: image.Rect(0, 0, 8, 8)}}})
	assert.ErrorContains(t, err, "diffusion: region 1: prompt: prompt: more than 100 brackets are open at byte 100")
}

// A U-Net that reads the guidance scale, and no negative prompt, reads parts whose weights are 1
// together.
func TestAndDistilled(t *testing.T) {
	p := loadFolder(t, golden.Folder(t, "lcm-time-cond"), nil)
	o := &Options{Syntax: SyntaxWebUI, Steps: 2, Width: 64, Height: 64}
	_, err := p.TextToImage(t.Context(), "a house :0.7 AND a boat :0.3", o)
	require.NoError(t, err)
	_, err = p.TextToImage(t.Context(), "a house AND a boat", o)
	assert.ErrorContains(t, err, "diffusion: prompt: have weights of parts between AND that are not 1 together, want 1")
	o.Regions = []Region{{Prompt: "a house AND a boat", Box: image.Rect(0, 0, 32, 64)}}
	_, err = p.TextToImage(t.Context(), "a house", o)
	assert.ErrorContains(t, err, "diffusion: region 1: prompt: have weights of parts")
}
