package diffusion

import (
	"encoding/json"
	"fmt"
	"image"
	"image/draw"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// ipFolder has the small IP-Adapters with their image encoder beside them.
func ipFolder(t testing.TB) fstest.MapFS {
	fsys := maps.Clone(golden.Model(t, "ip-adapter").(fstest.MapFS))
	for name, file := range golden.Model(t, "tiny-vision").(fstest.MapFS) {
		fsys["image_encoder/"+name] = file
	}
	return fsys
}

func loadIP(t testing.TB, p *Pipeline, name string) *IPAdapter {
	a, err := p.LoadIPAdapterFS(ipFolder(t), name, nil)
	require.NoError(t, err)
	t.Cleanup(func() { a.Close() })
	return a
}

// ipCall is a call of the reference's pipelines.
type ipCall struct {
	Files    []string
	Scale    json.RawMessage
	Images   [][]int
	Masks    bool
	Lora     string
	Again    bool    `json:"image2image"`
	Guidance float64 `json:"guidance_scale"`
	Strength float64
}

// prompts are the image prompts of a call. Scales are as set_ip_adapter_scale takes them.
func (call *ipCall) prompts(t *testing.T, p *Pipeline, c *golden.Case) (prompts []ImagePrompt) {
	var scales []json.RawMessage
	if json.Unmarshal(call.Scale, &scales) != nil {
		scales = []json.RawMessage{call.Scale}
	}
	for i, file := range call.Files {
		a := loadIP(t, p, ipFile(t, file))
		one := ImagePrompt{Adapter: a}
		for _, k := range call.Images[i] {
			one.Images = append(one.Images, rgbImage(c, fmt.Sprintf("image.%d", k)))
		}
		var each []float64
		var blocks map[string]map[string][]float64
		switch {
		case json.Unmarshal(scales[i], &one.Scale) == nil:
		case json.Unmarshal(scales[i], &each) == nil:
			for k, img := range one.Images {
				prompts = append(prompts, ImagePrompt{Adapter: a, Images: []image.Image{img}, Scale: each[k], Mask: grayImage(c, fmt.Sprintf("mask.%d", k))})
			}
			continue
		default:
			require.NoError(t, json.Unmarshal(scales[i], &blocks))
			one.Scale, one.Blocks = 1, make(map[string]float64)
			for way, list := range blocks {
				for block, values := range list {
					for k, v := range values {
						one.Blocks[fmt.Sprintf("%s_blocks.%s.attentions.%d", way, strings.TrimPrefix(block, "block_"), k)] = v
					}
				}
			}
		}
		prompts = append(prompts, one)
	}
	return prompts
}

func ipFile(t *testing.T, name string) string {
	for file := range golden.Model(t, "ip-adapter").(fstest.MapFS) {
		if strings.HasPrefix(file, name+".") {
			return file
		}
	}
	t.Fatal("no adapter ", name)
	return ""
}

// grayImage is a mask of a golden case, [H W].
func grayImage(c *golden.Case, name string) *image.Gray {
	shape := c.Shape(name)
	img := image.NewGray(image.Rect(0, 0, shape[1], shape[0]))
	for i, v := range c.Int64s(name) {
		img.Pix[i] = uint8(v)
	}
	return img
}

// Pictures through IP-Adapters of all kinds give the reference's latents.
func TestIPAdapterGoldens(t *testing.T) {
	c := golden.Open(t, "pipelines/ip_adapter")
	var info struct {
		pipelineCase
		Calls map[string]*ipCall
	}
	c.Decode(&info)
	require.Len(t, info.Calls, 12)
	for name, call := range info.Calls {
		t.Run(name, func(t *testing.T) {
			model := "tiny-sd15"
			if strings.HasSuffix(name, "_xl") {
				model = "tiny-sdxl"
			}
			p := load(t, model, &info.pipelineCase)
			o := &Options{Steps: 4, Width: 64, Height: 64, Seed: info.Seed, Guidance: call.Guidance, Strength: call.Strength, Output: OutputLatent, ImagePrompts: call.prompts(t, p, c)}
			if call.Lora != "" {
				a, err := p.LoadAdapterFS(loraFile(t, call.Lora), "lora.safetensors")
				require.NoError(t, err)
				o.Adapters = []Adapter{{a, 0.7}}
			}
			before := p.UNet.Fingerprint()
			var r *Result
			var err error
			if call.Again {
				r, err = p.ImageToImage(t.Context(), "a photo of a cat", picture(t, "input.png"), o)
			} else {
				r, err = p.TextToImage(t.Context(), "a photo of a cat", o)
			}
			require.NoError(t, err)
			golden.Close(t, c.Float32s(name), r.Latents.Float32s(), tolerance, name)
			assert.Equal(t, before, p.UNet.Fingerprint(), "the model's own weights")
		})
	}
}

// A picture with image prompts is the same alone and in a batch, on one thread, and by parts
// of the U-Net that are all computed; and without them the model is what it was.
func TestImagePromptsDeterminism(t *testing.T) {
	c := golden.Open(t, "pipelines/ip_adapter")
	p := load(t, "tiny-sd15", nil)
	plain, plus := loadIP(t, p, "plain-sd15.safetensors"), loadIP(t, p, "plus-sd15.safetensors")
	prompts := []ImagePrompt{
		{Adapter: plain, Images: []image.Image{rgbImage(c, "image.0"), rgbImage(c, "image.1")}, Scale: 0.5, Mask: grayImage(c, "mask.0")},
		{Adapter: plus, Images: []image.Image{rgbImage(c, "image.2")}, Blocks: map[string]float64{"up_blocks": 1, "up_blocks.1.attentions.0": 0.5}},
	}
	run := func(p *Pipeline, change func(o *Options)) *Result {
		o := &Options{Steps: 3, Seed: 7, Output: OutputLatent, ImagePrompts: prompts}
		if change != nil {
			change(o)
		}
		r, err := p.TextToImage(t.Context(), "a photo of a cat", o)
		require.NoError(t, err)
		return r
	}
	nothing := run(p, func(o *Options) { o.ImagePrompts = nil }).Latents.Float32s()
	want := run(p, nil).Latents.Float32s()
	assert.NotEqual(t, nothing, want)
	batch := run(p, func(o *Options) { o.Seed, o.Images = 6, 3 }).Latents.Float32s()
	assert.Equal(t, want, batch[len(want):2*len(want)])
	assert.Equal(t, want, run(p, func(o *Options) { o.Reuse.Threshold = 1e-9 }).Latents.Float32s(), "in parts")
	assert.Equal(t, nothing, run(p, func(o *Options) { o.ImagePrompts = nil }).Latents.Float32s())
	off := slices.Clone(prompts)
	for i := range off {
		off[i].Blocks = map[string]float64{"mid_block": 0}
	}
	assert.Equal(t, nothing, run(p, func(o *Options) { o.ImagePrompts = off }).Latents.Float32s(), "no attention sees them")

	// A run that is saved goes on with the same prompts, and with no others.
	var saved []byte
	run(p, func(o *Options) {
		o.OnStep = func(s Step) (err error) {
			if s.Step == 1 {
				saved, err = s.Save()
			}
			return err
		}
	})
	assert.Equal(t, want, run(p, func(o *Options) { o.Resume = saved }).Latents.Float32s())
	other := slices.Clone(prompts)
	other[1].Scale = 0.9
	_, err := p.TextToImage(t.Context(), "a photo of a cat", &Options{Steps: 3, Seed: 7, Output: OutputLatent, ImagePrompts: other, Resume: saved})
	assert.ErrorContains(t, err, "image prompt 1")
}

func TestImagePromptErrors(t *testing.T) {
	p, other := load(t, "tiny-sd15", nil), load(t, "tiny-sd15", nil)
	a := loadIP(t, p, "plain-sd15.safetensors")
	images := []image.Image{image.NewGray(image.Rect(0, 0, 9, 9))}
	for _, tt := range []struct {
		p      *Pipeline
		prompt ImagePrompt
		want   string
	}{
		{p, ImagePrompt{Images: images}, "have an IP-Adapter that was not loaded, want one from LoadIPAdapter"},
		{other, ImagePrompt{Adapter: a, Images: images}, "have an IP-Adapter that was loaded for another model"},
		{p, ImagePrompt{Adapter: a}, "have 0 pictures, want 1 to 64"},
		{p, ImagePrompt{Adapter: a, Images: []image.Image{nil}}, "image prompt 0: picture 0: have no image"},
		{p, ImagePrompt{Adapter: a, Images: images, Scale: 1e6}, "scale: have 1e+06, want a number from -1000 to 1000"},
		{p, ImagePrompt{Adapter: a, Images: images, Blocks: map[string]float64{"up_blocks.0": 1}}, `have a scale for the block "up_blocks.0", want one of the U-Net that attends to the text, such as "down_blocks.0.attentions.0.transformer_blocks.0.attn2"`},
		{p, ImagePrompt{Adapter: a, Images: images, Mask: image.NewGray(image.Rectangle{})}, "image prompt 0: mask: have an empty image"},
	} {
		_, err := tt.p.TextToImage(t.Context(), "", &Options{Steps: 1, ImagePrompts: []ImagePrompt{tt.prompt}})
		assert.ErrorIs(t, err, ErrOptions)
		assert.ErrorContains(t, err, "diffusion: image prompts: number 0: ")
		assert.ErrorContains(t, err, tt.want)
	}
	require.NoError(t, a.Close())
	_, err := p.TextToImage(t.Context(), "", &Options{Steps: 1, ImagePrompts: []ImagePrompt{{Adapter: a, Images: images}}})
	assert.ErrorIs(t, err, ErrClosed)
}

// The plan of a call with image prompts has their attention, and no encoder.
func TestPlanImagePrompts(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	a := loadIP(t, p, "plus-sd15.safetensors")
	o := &Options{Width: 64, Height: 64}
	plain, err := p.Plan(o)
	require.NoError(t, err)
	o.ImagePrompts = []ImagePrompt{{Adapter: a, Images: []image.Image{image.NewGray(image.Rect(0, 0, 9, 9))}, Blocks: map[string]float64{"mid_block": 1}}}
	shown, err := p.Plan(o)
	require.NoError(t, err)
	require.Len(t, shown.Parts, len(plain.Parts))
	assert.Equal(t, 1, len(shown.Parts[1].Steps)-len(plain.Parts[1].Steps)-1, "an attention, and its sum")
	o.ImagePrompts[0].Images = nil
	_, err = p.Plan(o)
	assert.ErrorIs(t, err, ErrOptions)
}

// Image prompts go together with what else asks the U-Net: windows, each of which shows its
// part of a mask; and perturbed attention, whose network sees the pictures, too.
func TestImagePromptsBeside(t *testing.T) {
	c := golden.Open(t, "pipelines/ip_adapter")
	p := load(t, "tiny-sd15", nil)
	a := loadIP(t, p, "plain-sd15.safetensors")
	left := image.NewGray(image.Rect(0, 0, 96, 64))
	draw.Draw(left, image.Rect(0, 0, 24, 64), image.White, image.Point{}, draw.Src)
	run := func(change func(o *Options)) []float32 {
		o := &Options{Steps: 3, Seed: 7, Width: 96, Height: 64, Output: OutputLatent,
			ImagePrompts: []ImagePrompt{{Adapter: a, Images: []image.Image{rgbImage(c, "image.0")}, Mask: left}}}
		change(o)
		r, err := p.TextToImage(t.Context(), "a photo of a cat", o)
		require.NoError(t, err)
		return r.Latents.Float32s()
	}
	want := run(func(*Options) {})
	assert.Equal(t, want, run(func(o *Options) { o.Windows = Windows{Width: 96, Height: 64} }), "one window")
	windows := func(o *Options) { o.Windows = Windows{Width: 64, Height: 64, Overlap: 32} }
	parts := run(windows)
	assert.NotEqual(t, parts, run(func(o *Options) { windows(o); o.ImagePrompts[0].Mask = nil }))
	// Where the mask is black in a whole window its picture is not seen there: the latents
	// beyond what the other window reaches are those without it, at the first step.
	black := func(o *Options) { windows(o); o.Steps = 1 }
	with, without := run(black), run(func(o *Options) { black(o); o.ImagePrompts = nil })
	for channel := range 4 {
		for y := range 8 {
			row := (channel*8 + y) * 12
			assert.Equal(t, without[row+8:row+12], with[row+8:row+12], "right of the first window")
			assert.NotEqual(t, without[row:row+4], with[row:row+4], "left")
		}
	}
	guided := run(func(o *Options) { o.Guider = PerturbedAttention{} })
	assert.NotEqual(t, guided, run(func(o *Options) { o.Guider, o.ImagePrompts = PerturbedAttention{}, nil }))
}
