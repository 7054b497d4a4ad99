package diffusion

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	_ "image/png"
	"math"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/scheduler"
)

// tolerance is for a whole run, relative to the largest value: float32 rounding
// alone makes up to 3e-5 of it in the reference.
const tolerance = 1e-4

// pipelineCase is a case.json of the reference's pipelines.
type pipelineCase struct {
	Model     string
	Scheduler struct {
		Class  string
		Config map[string]any
	}
	Call struct {
		Prompt          texts
		NegativePrompt  texts `json:"negative_prompt"`
		Width, Height   int
		Steps           int      `json:"num_inference_steps"`
		Guidance        *float64 `json:"guidance_scale"`
		GuidanceRescale float64  `json:"guidance_rescale"`
		ClipSkip        int      `json:"clip_skip"`
		Prompt2         string   `json:"prompt_2"`
		Original        [2]int   `json:"original_size"` // height and width
		Crop            [2]int   `json:"crops_coords_top_left"`
		Target          [2]int   `json:"target_size"`
		Images          int      `json:"num_images_per_prompt"`
		Eta, Strength   float64
	}
	Seed uint64 `json:"generator_seed"`
}

// texts is a list of texts that may be written as one.
type texts []string

func (l *texts) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return json.Unmarshal(data, (*[]string)(l))
	}
	*l = make(texts, 1)
	return json.Unmarshal(data, &(*l)[0])
}

func (l texts) at(i int) string {
	if len(l) == 0 {
		return ""
	}
	return l[i]
}

// options are the options of the case's call i.
func (c *pipelineCase) options(i int) *Options {
	o := &Options{
		NegativePrompt: c.Call.NegativePrompt.at(i), Width: c.Call.Width, Height: c.Call.Height, Steps: c.Call.Steps,
		GuidanceRescale: c.Call.GuidanceRescale, Seed: c.Seed, Images: max(c.Call.Images, 1),
		Eta: c.Call.Eta, ClipSkip: c.Call.ClipSkip, Strength: c.Call.Strength, Prompt2: c.Call.Prompt2,
		Framing: Framing{point(c.Call.Original), point(c.Call.Crop), point(c.Call.Target)},
	}
	if c.Call.Guidance != nil {
		o.Guidance = *c.Call.Guidance
	}
	return o
}

// point is what the reference writes from top to bottom first.
func point(yx [2]int) image.Point { return image.Pt(yx[1], yx[0]) }

// load loads a tiny model, with the case's scheduler if there is a case.
func load(t testing.TB, model string, c *pipelineCase) *Pipeline {
	p, err := LoadFS(golden.Model(t, model), nil)
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	if c != nil {
		p.Scheduler = c.config(t)
	}
	return p
}

func (c *pipelineCase) config(t testing.TB) *scheduler.Config {
	c.Scheduler.Config["_class_name"] = c.Scheduler.Class
	data, err := json.Marshal(c.Scheduler.Config)
	require.NoError(t, err)
	config, err := scheduler.ParseConfig(data)
	require.NoError(t, err)
	return config
}

func picture(t testing.TB, name string) image.Image {
	img, _, err := image.Decode(bytes.NewReader(golden.File(t, "pipelines/"+name)))
	require.NoError(t, err)
	return img
}

// From a prompt and a seed to final latents and pictures, with the noise drawn
// from the seed where the reference drew it for one picture.
func TestGoldens(t *testing.T) {
	for _, group := range []string{"text2img", "text2img_4blk", "text2img_sd21_v", "img2img", "depth2img", "inpaint9", "inpaint_legacy4", "sdxl_text2img", "sdxl_img2img",
		"taesd_text2img", "taesd_img2img", "taesd_inpaint4"} {
		for _, name := range golden.Cases(t, "pipelines/"+group) {
			t.Run(group+"/"+path.Base(name), func(t *testing.T) {
				g := golden.Open(t, name)
				var c pipelineCase
				g.Decode(&c)
				p := load(t, c.Model, &c)
				shape := g.Shape("final_latents")
				latents, pixels := shape[1]*shape[2]*shape[3], 64*shape[2]*shape[3]
				done := 0
				for i, prompt := range c.Call.Prompt {
					o := c.options(i)
					if n := shape[0]; n > 1 { // the reference drew the noise of all pictures from one stream
						noise := g.Float32s("noise.0")[i*o.Images*latents : (i+1)*o.Images*latents]
						o.Latents = engine.Tensor(noise, o.Images, shape[1], shape[2], shape[3])
					}
					var steps []Step
					o.OnStep = func(s Step) error {
						steps = append(steps, s)
						return nil
					}
					result := c.run(t, p, group, prompt, o)
					first := done
					done += o.Images
					golden.Close(t, g.Float32s("final_latents")[first*latents:done*latents], result.Latents.Float32s(), tolerance, "final latents")
					want := g.Float32s("image")[3*first*pixels : 3*done*pixels]
					golden.Close(t, want, unit(result.Images), 1.0/255+tolerance, "image, a rounding step")
					rows := g.Float32s("latents_steps")
					if c.Scheduler.Class == "PNDMScheduler" && len(rows) > shape[0]*latents { // two calls make its first step
						rows = rows[shape[0]*latents:]
					}
					require.Len(t, rows, len(steps)*shape[0]*latents, "steps reported")
					for k, s := range steps {
						assert.Equal(t, k+1, s.Step)
						assert.Equal(t, len(steps), s.Steps)
						have := slices.Clone(s.Latents.Float32s())
						if !strings.Contains(c.Scheduler.Class, "Discrete") { // these keep latents at unit variance
							for j := range have {
								have[j] /= float32(math.Sqrt(1 + s.Sigma*s.Sigma))
							}
						}
						row := rows[k*shape[0]*latents:][first*latents : done*latents]
						golden.Close(t, row, have, tolerance, fmt.Sprintf("latents after step %d", k+1))
					}
				}
				assert.Equal(t, shape[0], done)
			})
		}
	}
}

func (c *pipelineCase) run(t *testing.T, p *Pipeline, group, prompt string, o *Options) *Result {
	var result *Result
	var err error
	switch group {
	case "img2img", "sdxl_img2img", "taesd_img2img":
		result, err = p.ImageToImage(t.Context(), prompt, picture(t, "input.png"), o)
	case "inpaint9", "inpaint_legacy4", "taesd_inpaint4":
		o.MaskCells = MaskCellsSample // as diffusers
		result, err = p.Inpaint(t.Context(), prompt, picture(t, "input.png"), picture(t, "mask.png"), o)
	case "depth2img":
		result, err = p.DepthToImage(t.Context(), prompt, picture(t, "input.png"), depthGolden(t), o)
	default:
		result, err = p.TextToImage(t.Context(), prompt, o)
	}
	require.NoError(t, err)
	return result
}

// unit returns pictures as [N 3 H W] with values in [0, 1].
func unit(images []*image.NRGBA) []float32 {
	var out []float32
	for _, img := range images {
		for c := range 3 {
			for i := c; i < len(img.Pix); i += 4 {
				out = append(out, float32(img.Pix[i])/255)
			}
		}
	}
	return out
}

// The picture's bytes are those of the reference but where it stands on a
// rounding boundary.
func TestGoldenBytes(t *testing.T) {
	g := golden.Open(t, "pipelines/text2img/ddim10_g7.5")
	var c pipelineCase
	g.Decode(&c)
	result := c.run(t, load(t, c.Model, &c), "text2img", c.Call.Prompt[0], c.options(0))
	differ := 0
	for i, v := range unit(result.Images) {
		if want := math.RoundToEven(float64(g.Float32s("image")[i] * 255)); want != math.Round(float64(v*255)) {
			differ++
		}
	}
	assert.Less(t, differ, 10, fmt.Sprintf("of %d bytes", len(result.Images[0].Pix)))
}
