package diffusion

import (
	"image"
	"math"
	"path"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// From a small image and a prompt to the latents after each step and the picture, of
// diffusers' pipeline.
func TestUpscaleGolden(t *testing.T) {
	for _, name := range golden.Cases(t, "pipelines/x4_upscale") {
		t.Run(path.Base(name), func(t *testing.T) {
			g := golden.Open(t, name)
			var c pipelineCase
			g.Decode(&c)
			var call struct {
				Call struct {
					Level int `json:"noise_level"`
				}
			}
			g.Decode(&call)
			p := load(t, c.Model, &c)
			o := c.options(0)
			o.NoiseLevel = call.Call.Level
			var steps []float32
			o.OnStep = func(s Step) error {
				scale := float32(1 / math.Sqrt(1+s.Sigma*s.Sigma)) // DDIM keeps them at unit variance
				for _, v := range s.Latents.Float32s() {
					steps = append(steps, v*scale)
				}
				return nil
			}
			r, err := p.Upscale(t.Context(), c.Call.Prompt[0], picture(t, "input_low.png"), o)
			require.NoError(t, err)
			golden.Close(t, g.Float32s("latents_steps"), steps, tolerance, "latents after each step")
			golden.Close(t, g.Float32s("final_latents"), r.Latents.Float32s(), tolerance, "final latents")
			golden.Close(t, g.Float32s("image"), unit(r.Images), 1.0/255+tolerance, "image, a rounding step")
			assert.Equal(t, image.Pt(64, 64), r.Images[0].Rect.Size())
		})
	}
}

// The U-Net sees the image with the noise that the reference drew first.
func TestUpscaleInput(t *testing.T) {
	g := golden.Open(t, "pipelines/x4_upscale/ddim6_n150")
	p := load(t, "tiny-x4-upscaler", nil)
	task := &upscale{img: picture(t, "input_low.png")}
	r, err := p.newRun(t.Context(), task, prompt, &Options{Seed: 4242, NoiseLevel: 150})
	require.NoError(t, err)
	defer r.close()
	_, err = task.prepare(r)
	require.NoError(t, err)
	require.NoError(t, task.read(t.Context(), r))
	_, err = task.start(t.Context(), r)
	require.NoError(t, err)
	first := g.Float32s("unet_in_first") // [1 7 16 16]
	golden.Close(t, first[4*16*16:], task.noisy[0], tolerance, "small image with noise")
}

// A picture is what its seed makes alone, also by tiles, and the size follows the image
// or the options.
func TestUpscaleSizes(t *testing.T) {
	p, img := load(t, "tiny-x4-upscaler", nil), picture(t, "input_low.png")
	o := &Options{Steps: 3, Seed: 1, Images: 2}
	both, err := p.Upscale(t.Context(), prompt, img, o)
	require.NoError(t, err)
	for i := range 2 {
		one, err := p.Upscale(t.Context(), prompt, img, &Options{Steps: 3, Seed: 1 + uint64(i)})
		require.NoError(t, err)
		assert.Equal(t, one.Images[0].Pix, both.Images[i].Pix)
	}
	odd, _ := patterned()
	r, err := p.Upscale(t.Context(), prompt, odd.SubImage(image.Rect(0, 0, 19, 14)), &Options{Steps: 1})
	require.NoError(t, err)
	assert.Equal(t, image.Pt(64, 48), r.Images[0].Rect.Size())
	r, err = p.Upscale(t.Context(), prompt, odd, &Options{Steps: 1, Width: 72, Height: 40, Tile: 32, NoiseLevel: NoNoise})
	require.NoError(t, err)
	assert.Equal(t, image.Pt(72, 40), r.Images[0].Rect.Size())
	assert.Equal(t, 75, p.Defaults().Steps)
	assert.Equal(t, 9.0, p.Defaults().Guidance)
}

func TestUpscaleErrors(t *testing.T) {
	p, img := load(t, "tiny-x4-upscaler", nil), picture(t, "input_low.png")
	for _, level := range []int{-2, 351} {
		_, err := p.Upscale(t.Context(), prompt, img, &Options{NoiseLevel: level})
		assert.ErrorContains(t, err, "want 1 to 350, 0 for 20, or NoNoise")
	}
	_, err := p.Upscale(t.Context(), prompt, image.NewGray(image.Rect(0, 0, 3, 9)), nil)
	assert.EqualError(t, err, "diffusion: image: have 3×9 pixels, want at least 4×4, or a width and height in the options")
	_, err = p.TextToImage(t.Context(), prompt, nil)
	assert.EqualError(t, err, "diffusion: the U-Net has 7 input channels (in_channels), want 4 for text-to-image and image-to-image: this model is for upscaling")
	_, err = load(t, "tiny-sd15", nil).Upscale(t.Context(), prompt, img, nil)
	assert.EqualError(t, err, "diffusion: the U-Net has 4 input channels (in_channels), want 7 for upscaling: this model is for text-to-image and image-to-image")
}

// An upscaler that is saved is the same when it is loaded again.
func TestUpscaleSaved(t *testing.T) {
	p, img := load(t, "tiny-x4-upscaler", nil), picture(t, "input_low.png")
	dir := path.Join(t.TempDir(), "saved")
	p.taught.mostNoise = 40
	require.NoError(t, Save(t.Context(), dir, p, nil))
	again, err := Load(dir, nil)
	require.NoError(t, err)
	defer again.Close()
	o := &Options{Steps: 2, Seed: 1, NoiseLevel: 30}
	want, err := p.Upscale(t.Context(), prompt, img, o)
	require.NoError(t, err)
	got, err := again.Upscale(t.Context(), prompt, img, o)
	require.NoError(t, err)
	assert.True(t, slices.Equal(want.Images[0].Pix, got.Images[0].Pix))
	_, err = again.Upscale(t.Context(), prompt, img, &Options{NoiseLevel: 41})
	assert.ErrorContains(t, err, "want 1 to 40, 0 for 20")

	file := dir + ".safetensors"
	assert.ErrorContains(t, Save(t.Context(), file, p, nil), "want a folder: one file has no place for them")
	p.taught.mostNoise = 0
	require.NoError(t, Save(t.Context(), file, p, nil))
	single, err := Load(file, nil)
	require.NoError(t, err)
	defer single.Close()
	got, err = single.Upscale(t.Context(), prompt, img, o)
	require.NoError(t, err)
	assert.True(t, slices.Equal(want.Images[0].Pix, got.Images[0].Pix))
	assert.Equal(t, "upscaling", single.Identity.Task)
}
