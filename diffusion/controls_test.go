package diffusion

import (
	"image"
	"image/color"
	"io/fs"
	"path"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/pillow"
	"sdgo/scheduler"
)

// loadControl loads a network for a pipeline: one of the golden ones, or tiny-controlnet.
func loadControl(t testing.TB, p *Pipeline, name string) *LoadedControl {
	t.Helper()
	var fsys fs.FS
	if name == "tiny" {
		fsys = golden.ControlNet(t)
	} else {
		fsys = golden.Networks(t)[name].Folder(t)
	}
	l, err := p.LoadControlFS(fsys, ".")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	return l
}

// turned is the picture that gen.py turns to the left and cuts for controls.
func turned(t testing.TB) image.Image {
	from := picture(t, "input.png")
	out := image.NewNRGBA(image.Rect(0, 0, 50, 60))
	for y := range 60 {
		for x := range 50 {
			out.Set(x, y, from.At(63-y, x+3))
		}
	}
	return out
}

// gray is the luminance of a picture.
func gray(img image.Image) image.Image {
	out := image.NewGray(img.Bounds())
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			out.SetGray(x, y, color.Gray{Y: pillow.Luma(c.R, c.G, c.B)})
		}
	}
	return out
}

// The reference's cases with a ControlNet.
func TestControlGoldens(t *testing.T) {
	cases := golden.Cases(t, "controls/pipelines")
	require.Len(t, cases, 3)
	for _, name := range cases {
		t.Run(path.Base(name), func(t *testing.T) {
			g := golden.Open(t, name)
			var c pipelineCase
			var given struct {
				Call struct {
					Scale float64 `json:"controlnet_conditioning_scale"`
					Start float64 `json:"control_guidance_start"`
					End   float64 `json:"control_guidance_end"`
					Guess bool    `json:"guess_mode"`
				}
			}
			g.Decode(&c)
			g.Decode(&given)
			p := load(t, c.Model, &c)
			o, call := c.options(0), given.Call
			o.Controls = []Control{{Loaded: loadControl(t, p, "tiny"), Image: picture(t, "input.png"), Scale: call.Scale, Start: call.Start, End: call.End, Guess: call.Guess}}
			result, err := p.TextToImage(t.Context(), c.Call.Prompt[0], o)
			require.NoError(t, err)
			golden.Close(t, g.Float32s("final_latents"), result.Latents.Float32s(), tolerance, "final latents")
			golden.Close(t, g.Float32s("image"), unit(result.Images), 1.0/255+tolerance, "image, a rounding step")
		})
	}
}

// controlled is a call with controls as gen.py makes it.
type controlled struct {
	model, class string
	config       string // beside the betas
	options      Options
	nets         []string
	controls     []Control
	call         func(p *Pipeline, o *Options) (*Result, error)
}

const catPrompt = "a photo of a cat"

// Runs with one and several networks, in all tasks, are the reference's: its scales, parts
// of the run counted by its timesteps, guess mode, global pooling, and pictures in another
// size. The reference's own scale is 0.8 in img2img and 0.5 in inpainting.
func TestControlledRuns(t *testing.T) {
	input, mask := picture(t, "input.png"), picture(t, "mask.png")
	other := turned(t)
	const ddim, euler = `"set_alpha_to_one": false, "clip_sample": false`, ``
	runs := map[string]controlled{
		"multi": {class: "DDIMScheduler", config: ddim, options: Options{Steps: 6}, nets: []string{"tiny", "sd15"},
			controls: []Control{{Image: input, Scale: 0.8, End: 0.7}, {Image: other, Scale: -0.5, Start: 0.3}}},
		"multi guess": {class: "DDIMScheduler", config: ddim, options: Options{Steps: 4, Guidance: 4}, nets: []string{"tiny", "sd15"},
			controls: []Control{{Image: input, Scale: 0.8, Guess: true}, {Image: other, Scale: 0.4, Guess: true}}},
		"unguided guess": {class: "DDIMScheduler", config: ddim, options: Options{Steps: 3, Guidance: 1}, nets: []string{"tiny"}, controls: []Control{{Image: input, Guess: true}}},
		"resized":        {class: "DDIMScheduler", config: ddim, options: Options{Steps: 3}, nets: []string{"sd15"}, controls: []Control{{Image: other}}},
		"its own size":   {class: "DDIMScheduler", config: ddim, options: Options{Steps: 2, Width: -1}, nets: []string{"sd15"}, controls: []Control{{Image: other}}},
		"heun":           {class: "HeunDiscreteScheduler", options: Options{Steps: 5}, nets: []string{"tiny"}, controls: []Control{{Image: input, Start: 0.2, End: 0.7}}},
		"pndm":           {class: "PNDMScheduler", config: `"skip_prk_steps": true, "set_alpha_to_one": false`, options: Options{Steps: 8}, nets: []string{"tiny"}, controls: []Control{{Image: input, Start: 0.2, End: 0.6}}},
		"pooled":         {class: "DDIMScheduler", config: ddim, options: Options{Steps: 4}, nets: []string{"pooled"}, controls: []Control{{Image: input}}},
		"img2img": {class: "DDIMScheduler", config: ddim, options: Options{Steps: 10, Strength: 0.6}, nets: []string{"tiny"}, controls: []Control{{Image: other, Scale: 0.8, Start: 0.2, End: 0.8}},
			call: func(p *Pipeline, o *Options) (*Result, error) {
				return p.ImageToImage(t.Context(), catPrompt, input, o)
			}},
		"inpaint": {class: "DDIMScheduler", config: ddim, options: Options{Steps: 6, MaskCells: MaskCellsSample}, nets: []string{"tiny"}, controls: []Control{{Scale: 0.5}},
			call: func(p *Pipeline, o *Options) (*Result, error) {
				return p.Inpaint(t.Context(), catPrompt, input, mask, o)
			}},
		"inpaint9": {model: "tiny-inpaint", class: "DDIMScheduler", config: ddim, options: Options{Steps: 6, Strength: 0.75, MaskCells: MaskCellsSample}, nets: []string{"tiny"}, controls: []Control{{Image: input, Scale: 0.5}},
			call: func(p *Pipeline, o *Options) (*Result, error) {
				return p.Inpaint(t.Context(), catPrompt, input, mask, o)
			}},
		"sd21":       {model: "tiny-sd21-v", class: "DDIMScheduler", config: ddim + `, "prediction_type": "v_prediction"`, options: Options{Steps: 4}, nets: []string{"sd21"}, controls: []Control{{Image: input, Scale: 0.6}}},
		"sdxl":       {model: "tiny-sdxl", class: "EulerDiscreteScheduler", options: Options{Steps: 5}, nets: []string{"sdxl"}, controls: []Control{{Image: input, Scale: 0.7, End: 0.8}}},
		"sdxl guess": {model: "tiny-sdxl", class: "EulerDiscreteScheduler", options: Options{Steps: 4, Guidance: 3}, nets: []string{"sdxl"}, controls: []Control{{Image: input, Guess: true}}},
		"sdxl small": {model: "tiny-sdxl", class: "EulerDiscreteScheduler", options: Options{Steps: 3}, nets: []string{"sdxl-small"}, controls: []Control{{Image: input}}},
		"sdxl img2img": {model: "tiny-sdxl", class: "EulerDiscreteScheduler", options: Options{Steps: 8, Strength: 0.6}, nets: []string{"sdxl"}, controls: []Control{{Image: other, Scale: 0.5}},
			call: func(p *Pipeline, o *Options) (*Result, error) {
				return p.ImageToImage(t.Context(), catPrompt, input, o)
			}},
		"t2i":       {class: "DDIMScheduler", config: ddim, options: Options{Steps: 5}, nets: []string{"t2i-full"}, controls: []Control{{Image: other, Scale: 0.7}}},
		"t2i multi": {class: "DDIMScheduler", config: ddim, options: Options{Steps: 3}, nets: []string{"t2i-full", "t2i-full"}, controls: []Control{{Image: input, Scale: 0.7}, {Image: other, Scale: 0.4}}},
		"t2i gray":  {model: "tiny-sd15-4blk", class: "DDIMScheduler", config: ddim, options: Options{Steps: 2, Width: 128, Height: 128}, nets: []string{"t2i-gray"}, controls: []Control{{Image: gray(input)}}},
		"t2i xl":    {model: "tiny-sdxl", class: "EulerDiscreteScheduler", options: Options{Steps: 5}, nets: []string{"t2i-xl2"}, controls: []Control{{Image: input, Scale: 0.6, End: 0.7}}},
	}
	g := golden.Open(t, "controls")
	for name, tt := range runs {
		t.Run(name, func(t *testing.T) {
			result := tt.run(t)
			want := "run." + name
			assert.Equal(t, g.Shape(want), []int(result.Latents.Shape()))
			golden.Close(t, g.Float32s(want), result.Latents.Float32s(), tolerance, "final latents")
		})
	}
}

// pipeline loads the model with the scheduler of a run.
func (c *controlled) pipeline(t testing.TB) *Pipeline {
	model := c.model
	if model == "" {
		model = "tiny-sd15"
	}
	p := load(t, model, nil)
	config := `{"_class_name": "` + c.class + `", "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1`
	if c.config != "" {
		config += ", " + c.config
	}
	var err error
	p.Scheduler, err = scheduler.ParseConfig([]byte(config + "}"))
	require.NoError(t, err)
	return p
}

func (c *controlled) run(t testing.TB) *Result {
	p, o := c.pipeline(t), c.options
	for i, one := range c.controls {
		one.Loaded = loadControl(t, p, c.nets[i])
		o.Controls = append(o.Controls, one)
	}
	switch {
	case o.Width < 0:
		o.Width = 0
	case o.Width == 0:
		o.Width, o.Height = 64, 64
	}
	o.Seed, o.Output = 4242, OutputLatent
	call := c.call
	if call == nil {
		call = func(p *Pipeline, o *Options) (*Result, error) { return p.TextToImage(t.Context(), catPrompt, o) }
	}
	result, err := call(p, &o)
	require.NoError(t, err)
	return result
}
