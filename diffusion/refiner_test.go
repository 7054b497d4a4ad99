package diffusion

import (
	"bytes"
	"encoding/binary"
	"image"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/clip"
	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/safetensors/checkpoint"
)

// refining makes the U-Net one of the refiner, as testdata/xl/gen.py does.
func refining(part string, src checkpoint.Source) (checkpoint.Source, error) {
	if part != "unet" {
		return src, nil
	}
	o := checkpoint.NewOverlay(src)
	for _, key := range src.Names() {
		from, to := 32, 80
		switch {
		case strings.HasSuffix(key, "attn2.to_k.weight"), strings.HasSuffix(key, "attn2.to_v.weight"):
		case key == "add_embedding.linear_1.weight":
			from = 0
		default:
			continue
		}
		shape, _, _ := src.Tensor(key)
		w := make([]float32, shape[0]*shape[1])
		if err := src.Float32s(key, 0, w); err != nil {
			return nil, err
		}
		var cut []float32
		for row := range slices.Chunk(w, shape[1]) {
			cut = append(cut, row[from:to]...)
		}
		if err := o.Set(key, engine.Tensor(cut, shape[0], to-from)); err != nil {
			return nil, err
		}
	}
	if err := o.SetConfig("cross_attention_dim", 48); err != nil {
		return nil, err
	}
	return o, o.SetConfig("projection_class_embeddings_input_dim", 80)
}

// loadRefiner loads it from a folder like that of the published one.
func loadRefiner(t *testing.T) *Pipeline {
	model := xlWith(t, map[string]string{
		"_class_name": `"StableDiffusionXLImg2ImgPipeline"`, "requires_aesthetics_score": "true",
		"force_zeros_for_empty_prompt": "false", "text_encoder": "[null, null]", "tokenizer": "[null, null]",
	})
	for name := range model {
		if strings.HasPrefix(name, "text_encoder/") || strings.HasPrefix(name, "tokenizer/") {
			delete(model, name)
		}
	}
	p, err := LoadFS(model, &LoadOptions{Overlay: refining})
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	assert.Empty(t, p.Warnings)
	return p
}

// The refiner makes of an image what it does in diffusers.
func TestRefiner(t *testing.T) {
	p := loadRefiner(t)
	for name, o := range map[string]Options{
		"refined": {},
		"scored": {
			NegativePrompt: "blurry", AestheticScore: 8.5, NegativeAestheticScore: 1.5,
			Framing:         Framing{Original: image.Pt(70, 90), Crop: image.Pt(5, 3)},
			NegativeFraming: Framing{Original: image.Pt(20, 30), Crop: image.Pt(2, 7)},
		},
	} {
		data, err := os.ReadFile("testdata/xl/" + name + ".f32")
		require.NoError(t, err)
		want := make([]float32, len(data)/4)
		require.NoError(t, binary.Read(bytes.NewReader(data), binary.LittleEndian, want))
		o.Steps, o.Seed, o.Strength = 5, 4242, 0.6
		result, err := p.ImageToImage(t.Context(), cat, picture(t, "input.png"), &o)
		require.NoError(t, err)
		golden.Close(t, want, result.Latents.Float32s(), tolerance, name)
	}
}

// It takes what goes with others, and its parts alone make it, too.
func TestRefinerOptions(t *testing.T) {
	p := loadRefiner(t)
	plan, err := p.Plan(nil)
	require.NoError(t, err)
	assert.Len(t, plan.Parts, 3)
	second, err := clip.LoadTextEncoderFS(golden.Model(t, "tiny-sdxl"), "text_encoder_2", nil)
	require.NoError(t, err)
	defer second.Close()
	parts, err := NewXL([2]*clip.Tokenizer{1: p.Tokenizer2}, [2]*clip.TextEncoder{1: second}, p.UNet, p.VAE, p.Scheduler)
	require.NoError(t, err)
	raw, err := second.WithoutNorm()
	require.NoError(t, err)
	e, err := raw.Encode(t.Context(), [][]int{p.Tokenizer2.Encode(cat).IDs}, 1)
	require.NoError(t, err)
	draw := func(p *Pipeline, prompt string, change func(o *Options)) string {
		result, err := p.TextToImage(t.Context(), prompt, xlOptions(change))
		require.NoError(t, err)
		return digest(result.Images[len(result.Images)-1].Pix)
	}
	plain := draw(p, cat, nil)
	assert.Equal(t, plain, draw(parts, cat, nil))
	assert.Equal(t, plain, draw(p, "", func(o *Options) { o.Cond, o.PooledCond = e.Tokens, e.Pooled }))
	assert.Equal(t, plain, draw(p, cat, func(o *Options) { o.AestheticScore, o.NegativeAestheticScore = 6, 2.5 }))
	assert.Equal(t, plain, draw(p, cat, func(o *Options) { o.Images, o.Seed, o.Reuse.Threshold = 2, 2, 1e-30 }))
	assert.NotEqual(t, plain, draw(p, cat, func(o *Options) { o.AestheticScore = 3 }))
	assert.NotEqual(t, plain, draw(p, cat, func(o *Options) { o.NegativeAestheticScore = 3 }))
}

func TestRefinerErrors(t *testing.T) {
	refiner, base := loadRefiner(t), load(t, "tiny-sdxl", nil)
	for _, tt := range []struct {
		p            *Pipeline
		option, want string
		o            Options
	}{
		{base, "AestheticScore", "aesthetic score: have 6, want 0: it is for the refiner of Stable Diffusion XL", Options{AestheticScore: 6}},
		{refiner, "NegativeAestheticScore", "negative aesthetic score: have 11, want 0 to 10", Options{NegativeAestheticScore: 11}},
		{refiner, "Framing", "framing: have a target size, want none: the U-Net reads an aesthetic score in its place", Options{Framing: Framing{Target: image.Pt(8, 0)}}},
		{refiner, "Prompt2", "prompt2: have a second prompt, want none: the refiner of Stable Diffusion XL has one text encoder", Options{NegativePrompt2: "a"}},
	} {
		_, err := tt.p.TextToImage(t.Context(), "", &tt.o)
		var wrong *OptionError
		require.ErrorAs(t, err, &wrong)
		assert.Equal(t, tt.option, wrong.Option)
		assert.EqualError(t, err, "diffusion: "+tt.want)
	}
	refiner.TextEncoder = base.TextEncoder
	assert.EqualError(t, refiner.ready(), "diffusion: a part of the pipeline is nil")
}
