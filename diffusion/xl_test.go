package diffusion

import (
	"bytes"
	"encoding/binary"
	"image"
	"os"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/clip"
	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/safetensors/checkpoint"
	"sdgo/unet"
)

// cat is the prompt of the goldens of Stable Diffusion XL.
const cat = "a photo of a cat"

// What the U-Net reads beside the latents is what it reads in the reference.
func TestXLConditions(t *testing.T) {
	p := load(t, "tiny-sdxl", nil)
	for _, name := range golden.Cases(t, "pipelines/sdxl_text2img") {
		g := golden.Open(t, name)
		var c pipelineCase
		g.Decode(&c)
		r, err := p.newRun(t.Context(), textToImage{}, cat, c.options(0))
		require.NoError(t, err)
		defer r.close()
		_, err = r.task.prepare(r)
		require.NoError(t, err)
		require.NoError(t, r.claimMemory(t.Context()))
		require.NoError(t, r.encodeText(t.Context()))
		var tokens, pooled, ids []float32
		for _, c := range r.conditions {
			said := r.said[c][0].texts[0]
			tokens, pooled, ids = append(tokens, said.tokens.Float32s()...), append(pooled, said.pooled...), append(ids, said.ids...)
		}
		golden.Close(t, g.Float32s("unet_text_embeds"), pooled, embeddingTolerance, name)
		assert.Equal(t, g.Float32s("unet_time_ids"), ids, name)
		if !g.Has("unet_encoder_hidden_states") {
			continue
		}
		golden.Close(t, g.Float32s("unet_encoder_hidden_states"), tokens, embeddingTolerance, name)
	}
}

// nine makes the U-Net one for inpainting, as testdata/xl/gen.py does.
func nine(part string, src checkpoint.Source) (checkpoint.Source, error) {
	if part != "unet" {
		return src, nil
	}
	const key = "conv_in.weight"
	shape, _, _ := src.Tensor(key)
	out, taps := shape[0], shape[2]*shape[3]
	w := make([]float32, out*4*taps)
	if err := src.Float32s(key, 0, w); err != nil {
		return nil, err
	}
	var wide []float32
	for filter := range slices.Chunk(w, 4*taps) {
		wide = append(wide, filter...)
		for _, v := range slices.Concat(filter, filter[:taps]) {
			wide = append(wide, v/2)
		}
	}
	o := checkpoint.NewOverlay(src)
	if err := o.Set(key, engine.Tensor(wide, out, 9, shape[2], shape[3])); err != nil {
		return nil, err
	}
	return o, o.SetConfig("in_channels", 9)
}

// xlWith returns the model with keys of its index changed.
func xlWith(t *testing.T, keys map[string]string) fstest.MapFS {
	model := with(t, "tiny-sdxl", "", nil)
	model[indexFile] = setKeys(t, model, indexFile, keys)
	return model
}

// Every task, and every option of the second text and the framings, is as in diffusers.
// testdata/xl/gen.py wrote what is wanted.
func TestXLAsDiffusers(t *testing.T) {
	p := load(t, "tiny-sdxl", nil)
	wide, err := LoadFS(golden.Model(t, "tiny-sdxl"), &LoadOptions{Overlay: nine})
	require.NoError(t, err)
	defer wide.Close()
	encoded, err := LoadFS(xlWith(t, map[string]string{"force_zeros_for_empty_prompt": "false"}), nil)
	require.NoError(t, err)
	defer encoded.Close()
	img, mask := picture(t, "input.png"), picture(t, "mask.png")
	inpaint := func(p *Pipeline) func(*Options) (*Result, error) {
		return func(o *Options) (*Result, error) {
			o.MaskCells = MaskCellsSample // as diffusers
			return p.Inpaint(t.Context(), cat, img, mask, o)
		}
	}
	text := func(p *Pipeline) func(*Options) (*Result, error) {
		return func(o *Options) (*Result, error) { return p.TextToImage(t.Context(), cat, o) }
	}
	for name, tt := range map[string]struct {
		call func(*Options) (*Result, error)
		o    Options
	}{
		"negatives": {text(p), Options{
			Width: 96, Height: 64, Prompt2: "a red house", NegativePrompt: "blurry", NegativePrompt2: "a boat", Guidance: 6, GuidanceRescale: 0.7, ClipSkip: 1,
			Framing:         Framing{Original: image.Pt(200, 300), Target: image.Pt(96, 64)},
			NegativeFraming: Framing{Original: image.Pt(40, 32), Crop: image.Pt(7, 4), Target: image.Pt(256, 128)},
		}},
		"encoded": {text(encoded), Options{Width: 64, Height: 64}},
		"image": {func(o *Options) (*Result, error) { return p.ImageToImage(t.Context(), cat, img, o) },
			Options{Strength: 0.7, NegativePrompt: "blurry", Framing: Framing{Original: image.Pt(70, 90), Crop: image.Pt(5, 3)}}},
		"inpaint0.6":   {inpaint(p), Options{Strength: 0.6}},
		"inpaint1.0":   {inpaint(p), Options{}},
		"inpaint9_0.6": {inpaint(wide), Options{Strength: 0.6}},
		"inpaint9_1.0": {inpaint(wide), Options{}},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile("testdata/xl/" + name + ".f32")
			require.NoError(t, err)
			want := make([]float32, len(data)/4)
			require.NoError(t, binary.Read(bytes.NewReader(data), binary.LittleEndian, want))
			tt.o.Steps, tt.o.Seed = 5, 4242
			if tt.o.Guidance == 0 {
				tt.o.Guidance = 5
			}
			result, err := tt.call(&tt.o)
			require.NoError(t, err)
			golden.Close(t, want, result.Latents.Float32s(), tolerance, "final latents")
		})
	}
}

// xlEmbedded is what a program of the caller's makes of a text.
func xlEmbedded(t *testing.T, p *Pipeline, text string) (tokens, pooled *tensor.Dense) {
	var parts []*tensor.Dense
	for _, s := range []textStage{{p.Tokenizer, p.TextEncoder, 0}, {p.Tokenizer2, p.TextEncoder2, 0}} {
		raw, err := s.encoder.WithoutNorm()
		require.NoError(t, err)
		e, err := raw.Encode(t.Context(), [][]int{s.tokenizer.Encode(text).IDs}, 1)
		require.NoError(t, err)
		parts, pooled = append(parts, e.Tokens), e.Pooled
	}
	return sideBySide(parts), pooled
}

// xlOptions make a small picture in two steps.
func xlOptions(change func(o *Options)) *Options {
	o := &Options{Width: 64, Height: 64, Steps: 2, Seed: 3, NegativePrompt: "blur"}
	if change != nil {
		change(o)
	}
	return o
}

// The caller's embeddings of a text give its bytes, and each option of the text and the
// framing alone makes another picture.
func TestXLOptions(t *testing.T) {
	p := load(t, "tiny-sdxl", nil)
	draw := func(prompt string, change func(o *Options)) string {
		result, err := p.TextToImage(t.Context(), prompt, xlOptions(change))
		require.NoError(t, err)
		return digest(result.Images[len(result.Images)-1].Pix)
	}
	plain := draw(cat, nil)
	assert.Equal(t, plain, draw(cat, func(o *Options) { o.Guidance = 5 }), "the default")
	tokens, pooled := xlEmbedded(t, p, cat)
	negative, negativePooled := xlEmbedded(t, p, "blur")
	assert.Equal(t, plain, draw("", func(o *Options) { o.Cond, o.PooledCond = tokens, pooled }))
	assert.Equal(t, plain, draw(cat, func(o *Options) {
		o.NegativePrompt, o.NegativeCond, o.NegativePooledCond = "", negative, negativePooled
	}))
	for name, same := range map[string]func(o *Options){
		"two images":  func(o *Options) { o.Images, o.Seed = 2, 2 },
		"reuse never": func(o *Options) { o.Reuse.Threshold = 1e-30 },
		"prompt 2":    func(o *Options) { o.Prompt2, o.NegativePrompt2 = cat, "blur" },
		"framing": func(o *Options) {
			o.Framing = Framing{Original: image.Pt(64, 64), Target: image.Pt(64, 64)}
		},
		"sizes by default": func(o *Options) { o.NegativeFraming = Framing{Target: image.Pt(0, 64)} },
	} {
		assert.Equal(t, plain, draw(cat, same), name)
	}
	for name, other := range map[string]func(o *Options){
		"prompt 2":          func(o *Options) { o.Prompt2 = "a boat" },
		"negative prompt 2": func(o *Options) { o.NegativePrompt2 = "a boat" },
		"negative 2 alone":  func(o *Options) { o.NegativePrompt, o.NegativePrompt2 = "", "blur" },
		"zeros":             func(o *Options) { o.NegativePrompt = "" },
		"pooled":            func(o *Options) { o.NegativePrompt, o.NegativeCond, o.NegativePooledCond = "", negative, pooled },
		"original":          func(o *Options) { o.Framing.Original.X = 8 },
		"crop":              func(o *Options) { o.Framing.Crop.Y = 80 },
		"target":            func(o *Options) { o.Framing.Target.Y = 8 },
		"negative framing":  func(o *Options) { o.NegativeFraming.Crop.X = 80 },
		"clip skip":         func(o *Options) { o.ClipSkip = 1 },
		"token merging":     func(o *Options) { o.TokenMerging = unet.TokenMerging{Ratio: 0.5, Levels: 2} },
		"reuse":             func(o *Options) { o.Reuse.Interval = 2 },
		"interval":          func(o *Options) { o.GuidanceInterval.Low = 2 },
	} {
		assert.NotEqual(t, plain, draw(cat, other), name)
	}
	// embeddings of different lengths are read one after the other
	short := engine.Tensor(tokens.Float32s()[:20*80], 1, 20, 80)
	assert.NotEqual(t, plain, draw("", func(o *Options) { o.Cond, o.PooledCond, o.Reuse.Interval = short, pooled, 2 }))
}

// What did not fit is told of each text.
func TestXLTruncated(t *testing.T) {
	p := load(t, "tiny-sdxl", nil)
	long := string(bytes.Repeat([]byte("a "), 100))
	result, err := p.TextToImage(t.Context(), long, xlOptions(nil))
	require.NoError(t, err)
	assert.NotEmpty(t, result.Truncated)
	assert.Empty(t, result.Truncated2+result.TruncatedNegative2)
	result, err = p.TextToImage(t.Context(), cat, xlOptions(func(o *Options) { o.Prompt2 = long }))
	require.NoError(t, err)
	assert.Empty(t, result.Truncated)
	assert.NotEmpty(t, result.Truncated2)
}

// A run is taken up where it was saved, by a call with the same conditions alone.
func TestXLResume(t *testing.T) {
	p := load(t, "tiny-sdxl", nil)
	var saved []byte
	whole, err := p.TextToImage(t.Context(), cat, xlOptions(func(o *Options) {
		o.OnStep = func(s Step) (err error) {
			if s.Step == 1 {
				saved, err = s.Save()
			}
			return err
		}
	}))
	require.NoError(t, err)
	resumed, err := p.TextToImage(t.Context(), cat, xlOptions(func(o *Options) { o.Resume = saved }))
	require.NoError(t, err)
	assert.Equal(t, whole.Images, resumed.Images)
	for want, change := range map[string]func(o *Options){
		"pooled text of cond": func(o *Options) { o.Prompt2 = "a boat" },
		"framing of cond":     func(o *Options) { o.Framing.Crop.X = 1 },
		"framing of uncond":   func(o *Options) { o.NegativeFraming.Crop.X = 1 },
		"negative prompt":     func(o *Options) { o.NegativePrompt2 = "a boat" },
	} {
		_, err := p.TextToImage(t.Context(), cat, xlOptions(func(o *Options) {
			change(o)
			o.Resume = saved
		}))
		assert.ErrorContains(t, err, "diffusion: resume: sampler: saved run: have a run with another "+want)
	}
}

// A pipeline of parts draws what the folder does.
func TestNewXL(t *testing.T) {
	model := golden.Model(t, "tiny-sdxl")
	p := load(t, "tiny-sdxl", nil)
	second, err := clip.LoadTextEncoderFS(model, "text_encoder_2", nil)
	require.NoError(t, err)
	defer second.Close()
	tokenizers := [2]*clip.Tokenizer{p.Tokenizer, p.Tokenizer2}
	parts, err := NewXL(tokenizers, [2]*clip.TextEncoder{p.TextEncoder, second}, p.UNet, p.VAE, p.Scheduler)
	require.NoError(t, err)
	o := xlOptions(func(o *Options) { o.NegativePrompt = "" })
	want, err := p.TextToImage(t.Context(), cat, o)
	require.NoError(t, err)
	have, err := parts.TextToImage(t.Context(), cat, o)
	require.NoError(t, err)
	assert.Equal(t, digest(want.Images[0].Pix), digest(have.Images[0].Pix))
	_, err = NewXL(tokenizers, [2]*clip.TextEncoder{p.TextEncoder, p.TextEncoder}, p.UNet, p.VAE, p.Scheduler)
	assert.EqualError(t, err, "diffusion: the second text encoder has no projection (text_projection), want a CLIPTextModelWithProjection")
	_, err = NewXL(tokenizers, [2]*clip.TextEncoder{}, p.UNet, p.VAE, p.Scheduler)
	assert.EqualError(t, err, "diffusion: a part of the pipeline is nil")
}
