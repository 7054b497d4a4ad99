package diffusion

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"image"
	"image/png"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
	"sdgo/unet"
)

// rewritten is what is read of what is written.
func rewritten(t *testing.T, p *Parameters) *Parameters {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, WritePNG(&b, image.NewNRGBA(image.Rect(0, 0, 3, 2)), p))
	read, err := ReadParameters(&b)
	require.NoError(t, err)
	return read
}

// same wants parameters that are the same but for functions, which do not compare.
func same(t *testing.T, want, have Parameters) {
	t.Helper()
	pointer := func(f func(uint64) sampler.Noise) uintptr { return reflect.ValueOf(f).Pointer() }
	assert.Equal(t, pointer(want.Options.NewNoise), pointer(have.Options.NewNoise))
	want.Options.NewNoise, have.Options.NewNoise, want.Program, have.Program = nil, nil, "", ""
	assert.Equal(t, want, have)
}

// Whatever the parameters, they are read as they were written.
func TestParameters(t *testing.T) {
	eta := 0.25
	for _, p := range []Parameters{
		{},
		{Prompt: "a house"},
		{Prompt: "a house", Options: Options{Steps: 20, Guidance: 7.5, Seed: 1<<64 - 1, Width: 512, Height: 768, Sampler: sampler.Euler{}, Schedule: "karras_full"}, Model: "v1-5", ModelHash: "6ce0161689", Task: "text-to-image"},
		{Prompt: " spaces \n\n and lines\n", Options: Options{NegativePrompt: "\nNegative prompt: x\nSteps: 1, Seed: 2, Size: 8x8"}},
		{Prompt: "Steps: 1, Seed: 2, Size: 8x8", Model: "a, b: \"c\""},
		{Prompt: "дом, 日本 <lora:x:1> \x00 \r é", Options: Options{NegativePrompt: "é", Prompt2: "null", NegativePrompt2: `"`}},
		{Options: Options{Schedule: "karras", Sampler: sampler.EulerAncestral{Eta: &eta}, Eta: 0.1 + 0.2, ClipSkip: 3, Strength: 0.6}},
		{Options: Options{GuidanceRescale: 0.7, GuidanceInterval: Interval{1, 5}, Sigmas: []float64{3, 1, 0}, NewNoise: PhiloxNoise, DiscardPenultimate: true}, Sampler: "DDIM"},
		{Options: Options{TokenMerging: unet.TokenMerging{Ratio: 0.5, Levels: 2}, Reuse: Reuse{Interval: 3}, Mask: MaskAlpha, KeepOutside: true, Tile: WholePicture, NewNoise: TorchNoise}, Sampler: "of a kind: x, y"},
		{Options: Options{Seamless: unet.Seamless{X: true, Y: true}, Guider: Rescaled{Share: 0.5, Guider: Projected{Scale: 9, Norm: 15}}}},
		{Options: Options{Syntax: SyntaxWebUI, Regions: []Region{{Prompt: "b, c", Box: image.Rect(0, 0, 8, 8), Weight: 2}}}},
		{Options: Options{Boxes: []Box{{0.1, 0, 1, 0.5, "a boat, red", nil}, {Right: 1, Bottom: 1, Phrase: "x"}}, BoxShare: 0.5}},
		{Options: Options{HighRes: HighRes{Width: 64, Steps: 3, Upscaler: UpscaleLanczos}, ClipSkip: 1}},
		{Options: Options{Strength: 0.3, HighRes: HighRes{Scale: 2, Strength: 0.5}}},
		{Options: Options{Width: 8}, LeftOut: []string{"Adapters", "Cond"}, Other: []NamedValue{{"ENSD", "31337"}, {"Lora hashes", "a: 1, b: 2"}, {"Steps", "none"}}},
		{Options: Options{Images: 3, Watermark: "0101", AestheticScore: 7, Framing: Framing{Crop: image.Pt(-1, 2)}, Sampler: sampler.UniPC{Order: 1}}},
	} {
		same(t, p, *rewritten(t, &p))
		text, err := json.Marshal(p)
		require.NoError(t, err)
		var read Parameters
		require.NoError(t, json.Unmarshal(text, &read), "%s", text)
		same(t, p, read)
	}
}

// The pixels are those of any PNG, and without parameters the bytes, too.
func TestWritePNG(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 5, 4))
	for i := range img.Pix {
		img.Pix[i] = uint8(7*i) | 1
	}
	var want, plain, told bytes.Buffer
	require.NoError(t, png.Encode(&want, img))
	require.NoError(t, WritePNG(&plain, img, nil))
	assert.Equal(t, want.Bytes(), plain.Bytes())
	require.NoError(t, WritePNG(&told, img, &Parameters{Prompt: "é"}))
	assert.Contains(t, told.String(), "tEXtparameters\x00\xe9\nSeed: 0, RNG: CPU, Version: sdgo", "Latin-1")
	read, err := png.Decode(&told)
	require.NoError(t, err)
	assert.Equal(t, img, read)

	assert.ErrorContains(t, WritePNG(nil, img, nil), "have a nil writer")
	assert.Error(t, WritePNG(&plain, nil, nil))
	assert.ErrorContains(t, WritePNG(&plain, img, &Parameters{Other: []NamedValue{{"a:b", "c"}}}), `have "a:b" as the name of a value`)
}

// Texts of other programs mean here what they mean there.
func TestForeignParameters(t *testing.T) {
	const webUI = "a cat <lora:style:0.8>, sitting\nNegative prompt: bad\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Automatic, CFG scale: 7, Seed: 3, Size: 512x768, Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, Denoising strength: 0.7, Clip skip: 2, ENSD: 31337, Hires upscale: 2, Hires upscaler: Latent, Lora hashes: \"style: 1\", Version: v1.10.1"
	p, err := ParseParameters(webUI)
	require.NoError(t, err)
	same(t, Parameters{
		Prompt: "a cat , sitting", Model: "v1-5-pruned-emaonly", ModelHash: "6ce0161689", LeftOut: []string{"Adapters"},
		Options: Options{Syntax: SyntaxWebUI, NegativePrompt: "bad", Steps: 20, Sampler: sampler.DPMPP2M{}, Schedule: "karras_full", Guidance: 7, Seed: 3, Width: 512, Height: 768, ClipSkip: 1, NewNoise: PhiloxNoise, HighRes: HighRes{Scale: 2, Upscaler: UpscaleLatent, Strength: 0.7}},
		Other:   []NamedValue{{"ENSD", "31337"}, {"Lora hashes", "style: 1"}, {"lora", "style:0.8"}},
	}, *p)
	assert.Equal(t, "v1.10.1", p.Program)

	// A second pass with an upscaler that is a model of its own is left out, and told.
	p, err = ParseParameters("x\nSteps: 9, Seed: 1, Denoising strength: 0.4, Hires upscale: 1.5, Hires steps: 5, Hires upscaler: 4x-UltraSharp, Version: v1.10.1")
	require.NoError(t, err)
	alone := Parameters{Prompt: "x", Program: "v1.10.1", LeftOut: []string{"HighRes"}, Options: Options{Syntax: SyntaxWebUI, Steps: 9, Seed: 1}, Other: []NamedValue{
		{"Hires upscaler", "4x-UltraSharp"}, {"Denoising strength", "0.4"}, {"Hires upscale", "1.5"}, {"Hires steps", "5"},
	}}
	same(t, alone, *p)
	same(t, alone, *rewritten(t, p))

	for text, want := range map[string]Options{
		"x\nSteps: 9, Seed: 1, Denoising strength: 0.4, Hires resize: 0x96, Hires upscaler: None":           {Steps: 9, Seed: 1, HighRes: HighRes{Height: 96, Strength: 0.4, Upscaler: UpscaleLanczos}},
		"x\nSteps: 9, Sampler: Euler a, Seed: 1, RNG: CPU":                                                  {Steps: 9, Seed: 1, Sampler: sampler.EulerAncestral{}, Schedule: "normal"},
		"x\nSteps: 9, Sampler: Euler, Schedule type: SGM Uniform, Seed: 1, RNG: CPU":                        {Steps: 9, Seed: 1, Sampler: sampler.Euler{}, Schedule: "sgm_uniform"},
		"x\nSteps: 9, Sampler: DPM++ 2M Karras, Seed: 1, RNG: CPU":                                          {Steps: 9, Seed: 1, Sampler: sampler.DPMPP2M{}, Schedule: "karras_full"},
		"x\nSteps: 9, Sampler: DPM2 a, Schedule type: Karras, Seed: 1, RNG: CPU":                            {Steps: 9, Seed: 1, Sampler: sampler.DPM2Ancestral{}, Schedule: "karras_full", DiscardPenultimate: true},
		"x\nSteps: 9, Sampler: DDIM, Seed: 1, RNG: CPU, Eta DDIM: 0.5":                                      {Steps: 9, Seed: 1, Sampler: sampler.DDIM{}, Eta: 0.5},
		"x\nSteps: 9, Seed: 1, Denoising strength: 0.5":                                                     {Steps: 9, Seed: 1, Strength: 0.5},
		"x\nSteps: 9, Seed: 1, RNG: cuda, Sampler: dpm++2mv2 karras, Version: stable-diffusion.cpp":         {Steps: 9, Seed: 1, NewNoise: PhiloxNoise, Sampler: sampler.DPMPP2MV2{}, Schedule: "karras_full"},
		"x\nSteps: 9, Seed: 1, CFG scale: 5.000000, RNG: cpu, Sampler: dpm2, Version: stable-diffusion.cpp": {Steps: 9, Seed: 1, Guidance: 5, Sampler: sampler.DPM2{}, Schedule: "normal"},
	} {
		p, err := ParseParameters(text)
		require.NoError(t, err)
		want.Syntax = SyntaxWebUI
		same(t, Parameters{Prompt: "x", Options: want}, *p)
	}
	p, err = ParseParameters("x\nSteps: no, Sampler: nosuch, Schedule type: nosuch, CFG scale: NaN, Seed: -1, Size: 3, Clip skip: 0, RNG: x, Eta: 0.3, Steps: 99999999999")
	require.NoError(t, err)
	assert.Equal(t, Options{Syntax: SyntaxWebUI}, p.Options)
	assert.Len(t, p.Other, 10)
	assert.Equal(t, []string{"Sampler", "Schedule"}, p.LeftOut)
	same(t, *p, *rewritten(t, p))
}

// chunk is one of a PNG.
func chunk(kind, body string) []byte {
	c := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	c = append(append(c, kind...), body...)
	return binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c[4:]))
}

// The graph that ComfyUI writes is read from its picture.
func TestComfyParameters(t *testing.T) {
	file := append([]byte("\x89PNG\r\n\x1a\n"), chunk("tEXt", "prompt\x00"+`{
		"3": {"class_type": "KSampler", "inputs": {"cfg": 8, "denoise": 0.5, "latent_image": ["5", 0], "model": ["4", 0], "negative": ["7", 0], "positive": ["6", 0], "sampler_name": "dpm_2", "scheduler": "karras", "seed": 5, "steps": 10}},
		"4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.ckpt"}},
		"5": {"class_type": "VAEEncode", "inputs": {"pixels": ["8", 0]}},
		"6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}}, "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "bad"}}}`)...)
	p, err := ReadParameters(bytes.NewReader(file))
	require.NoError(t, err)
	same(t, Parameters{Prompt: "a cat", Model: "a.ckpt", Options: Options{
		Syntax: SyntaxComfyUI, NegativePrompt: "bad", Guidance: 8, Strength: 0.5, Steps: 20, Seed: 5, Sampler: sampler.DPM2{}, Schedule: "karras_full", DiscardPenultimate: true,
	}}, *p)
	assert.Equal(t, "ComfyUI", p.Program)

	// What is none of ours is left out, and told.
	p, err = ReadParameters(bytes.NewReader(append([]byte("\x89PNG\r\n\x1a\n"), chunk("tEXt", "prompt\x00"+`{
		"1": {"class_type": "LoraLoader", "inputs": {"lora_name": "a.safetensors", "strength_model": 0.5, "model": ["2", 0]}},
		"2": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.ckpt"}},
		"3": {"class_type": "KSampler", "inputs": {"latent_image": ["4", 0], "model": ["1", 0], "sampler_name": "nosuch", "scheduler": "nosuch"}},
		"4": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64}}}`)...)))
	require.NoError(t, err)
	assert.Equal(t, []string{"Adapters", "Sampler", "Schedule"}, p.LeftOut)
	assert.Equal(t, []NamedValue{{"Lora", "a.safetensors:0.5"}, {"sampler_name", "nosuch"}, {"scheduler", "nosuch"}}, p.Other)
}

// Files that are wrong give an error, and take no memory that they only announce.
func TestHostileParameters(t *testing.T) {
	signature := "\x89PNG\r\n\x1a\n"
	huge := "\x7f\xff\xff\xfftEXtparameters\x00x"
	many := strings.Repeat(string(chunk("tEXt", "a\x00b")), 300)
	for name, tt := range map[string]struct{ file, want string }{
		"nothing":        {"", "have no bytes"},
		"no picture":     {"hello", "have a file that begins with 68 65"},
		"no text":        {signature, "have a picture without parameters"},
		"a huge text":    {signature + huge, "have more than 16777216 bytes of text"},
		"many texts":     {signature + many, "or 256 texts"},
		"a cut text":     {signature + "\x00\x00\x00\xfftEXtparameters\x00x", "without parameters"},
		"a cut chunk":    {signature + "\x00\x00", "without parameters"},
		"a huge chunk":   {signature + "\xff\xff\xff\xffIDATxx", "without parameters"},
		"no key":         {signature + string(chunk("tEXt", "parameters")), "without parameters"},
		"bad zlib":       {signature + string(chunk("zTXt", "parameters\x00\x00xxxx")), "without parameters"},
		"comfy of lists": {signature + string(chunk("tEXt", "prompt\x00[]")), "ComfyUI's prompt"},
		"behind the end": {signature + string(chunk("IEND", "")) + string(chunk("tEXt", "parameters\x00x")), "without parameters"},
	} {
		_, err := ReadParameters(strings.NewReader(tt.file))
		assert.ErrorContains(t, err, tt.want, name)
	}
	_, err := ReadParameters(strings.NewReader(signature))
	assert.ErrorIs(t, err, ErrNoParameters)
	_, err = ReadParameters(nil)
	assert.ErrorContains(t, err, "nil reader")
	for text, want := range map[string]string{`{"stpes": 1}`: `have key "stpes", want one of steps`, `{"promt": ""}`: "want one of prompt", `{"steps": "x"}`: "steps: have", `[]`: "parameters"} {
		assert.ErrorContains(t, new(Parameters).UnmarshalJSON([]byte(text)), want)
	}
	assert.Error(t, (*Parameters)(nil).UnmarshalJSON([]byte(`{}`)))
}

// A picture is made again of what its file says, byte for byte, also the third of a batch.
func TestReproduce(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for name, o := range map[string]*Options{
		"defaults":   {Width: 64, Height: 48, Steps: 2, Images: 2, Seed: 41},
		"ancestral":  {Width: 64, Height: 64, Steps: 3, Seed: 5, Images: 2, Sampler: sampler.EulerAncestral{SNoise: 1.1}, Schedule: "karras", NegativePrompt: "a dog", ClipSkip: 1, NewNoise: PhiloxNoise},
		"guider":     {Width: 64, Height: 64, Steps: 2, Seed: 9, Guider: Rescaled{Share: 0.5, Guider: Projected{Scale: 9}}, Syntax: SyntaxWebUI, Images: 3},
		"two passes": {Width: 32, Height: 32, Steps: 2, Seed: 9, Images: 2, HighRes: HighRes{Scale: 1.5, Upscaler: UpscaleBicubic}},
		"latents":    {Width: 32, Height: 32, Steps: 2, Seed: 9, HighRes: HighRes{Strength: 0.6}},
		"guided":     {Width: 64, Height: 64, Sigmas: []float64{10, 3, 1, 0}, Guidance: 3, GuidanceRescale: 0.5, GuidanceInterval: Interval{Low: 1}, Tile: 32, Reuse: Reuse{Interval: 2}},
	} {
		r, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		last := len(r.Images) - 1
		var b bytes.Buffer
		require.NoError(t, WritePNG(&b, r.Images[last], r.Parameters(last)))
		read, err := ReadParameters(&b)
		require.NoError(t, err)
		assert.Empty(t, read.LeftOut, name)
		assert.Equal(t, "text-to-image", read.Task)
		again, err := p.TextToImage(t.Context(), read.Prompt, &read.Options)
		require.NoError(t, err, name)
		assert.Equal(t, r.Images[last], again.Images[0], name)
	}

	img := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	for i := range img.Pix {
		img.Pix[i] = uint8(i)
	}
	o := &Options{Steps: 4, Seed: 3, OnStep: func(Step) error { return nil }}
	r, err := p.ImageToImage(t.Context(), prompt, img, o)
	require.NoError(t, err)
	read := rewritten(t, r.Parameters(0))
	assert.InDelta(t, 0.8, read.Options.Strength, 0)
	again, err := p.ImageToImage(t.Context(), read.Prompt, img, &read.Options)
	require.NoError(t, err)
	assert.Equal(t, r.Images[0], again.Images[0])
	assert.Nil(t, r.Parameters(1))
	assert.Nil(t, r.Parameters(-1))
	assert.Nil(t, (&Result{Seeds: []uint64{1}}).Parameters(0))
}

func FuzzReadParameters(f *testing.F) {
	var b bytes.Buffer
	require.NoError(f, WritePNG(&b, image.NewNRGBA(image.Rect(0, 0, 1, 1)), &Parameters{Prompt: "a", Options: Options{GuidanceRescale: 0.5, Sampler: sampler.Euler{Churn: sampler.Churn{S: 1}}}}))
	f.Add(b.Bytes())
	f.Add(append([]byte("\x89PNG\r\n\x1a\n"), chunk("iTXt", "parameters\x00\x00\x00\x00\x00é\nSteps: 1, Seed: 2, Sampler: Euler a Karras, sdgo reuse: \"{\\\"interval\\\": 3}\", Version: sdgo")...))
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := ReadParameters(bytes.NewReader(file))
		if err != nil {
			return
		}
		text := p.String()
		again, err := ParseParameters(text)
		require.NoError(t, err)
		assert.Equal(t, text, again.String())
	})
}
