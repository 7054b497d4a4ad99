package diffusion

import (
	"encoding/binary"
	"image"
	"image/color"
	"image/draw"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/sampler"
	"sdgo/unet"
)

// A U-Net that reads the guidance scale gets it in every task. testdata/lcm was
// written by gen.py of package golden's cases.
func TestDistilledTasks(t *testing.T) {
	p := loadFolder(t, golden.Folder(t, "lcm-time-cond"), nil)
	img := picture(t, "input.png")
	mask := image.NewGray(img.Bounds()) // its edge lies between cells
	draw.Draw(mask, image.Rect(0, 0, img.Bounds().Dx()/2, img.Bounds().Dy()), image.NewUniform(color.White), image.Point{}, draw.Src)

	for name, run := range map[string]func() (*Result, error){
		"img2img": func() (*Result, error) {
			return p.ImageToImage(t.Context(), "a red house", img, &Options{Steps: 5, Seed: 1, Guidance: 3, Strength: 0.6})
		},
		"inpaint": func() (*Result, error) {
			return p.Inpaint(t.Context(), "a red house", img, mask, &Options{Steps: 4, Seed: 1, Guidance: 3})
		},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := run()
			require.NoError(t, err)
			data, err := os.ReadFile("testdata/lcm/" + name + ".f32")
			require.NoError(t, err)
			want := make([]float32, len(data)/4)
			for i := range want {
				want[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
			}
			golden.Close(t, want, result.Latents.Float32s(), tolerance, "final latents")
		})
	}
}

// The scale changes the picture, the negative prompt does not, and every scale
// takes one half: plans say so too.
func TestDistilledGuidance(t *testing.T) {
	p := loadFolder(t, golden.Folder(t, "lcm-time-cond"), nil)
	draw := func(o Options) *Result {
		o.Steps, o.Seed, o.Width, o.Height = 2, 1, 64, 64
		result, err := p.TextToImage(t.Context(), "a red house", &o)
		require.NoError(t, err)
		return result
	}
	plain := draw(Options{})
	assert.Equal(t, plain.Images[0].Pix, draw(Options{Guidance: 8.5, NegativePrompt: "a boat"}).Images[0].Pix)
	assert.NotEqual(t, plain.Images[0].Pix, draw(Options{Guidance: 1}).Images[0].Pix)
	assert.NotEqual(t, plain.Images[0].Pix, draw(Options{Guidance: 0.5}).Images[0].Pix)
	assert.Equal(t, plain.Images[0].Pix, draw(Options{Images: 2}).Images[0].Pix)
	assert.Equal(t, plain.Images[0].Pix, draw(Options{Reuse: Reuse{Threshold: 1e-30}}).Images[0].Pix)
	assert.NotEqual(t, plain.Images[0].Pix, draw(Options{TokenMerging: unet.TokenMerging{Ratio: 0.5}}).Images[0].Pix)

	plan, err := p.Plan(nil)
	require.NoError(t, err)
	single, err := p.Plan(&Options{Guidance: 1})
	require.NoError(t, err)
	assert.Equal(t, single.Parts[1].Values, plan.Parts[1].Values)
}

// The condition is read in every precision.
func TestDistilledPrecisions(t *testing.T) {
	folder := golden.Folder(t, "lcm-time-cond")
	for _, precision := range []string{Float16, BFloat16, Int8} {
		p := loadFolder(t, folder, &LoadOptions{Precision: precision})
		var pixels [][]byte
		for _, scale := range []float64{2, 8} {
			result, err := p.TextToImage(t.Context(), "a red house", &Options{Steps: 1, Width: 64, Height: 64, Guidance: scale})
			require.NoError(t, err)
			pixels = append(pixels, result.Images[0].Pix)
		}
		assert.NotEqual(t, pixels[0], pixels[1], precision)
	}
}

func TestDistilledErrors(t *testing.T) {
	p := loadFolder(t, golden.Folder(t, "lcm-time-cond"), nil)
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{Sampler: sampler.EulerAncestral{CFGPlusPlus: true}}, "diffusion: sampler: have one with CFG++"},
		{Options{GuidanceRescale: 0.7}, "diffusion: guidance rescale: have 0.7, want 0"},
		{Options{GuidanceInterval: Interval{Low: 1}}, "diffusion: guidance interval: have 1 to 0, want none"},
	} {
		_, err := p.TextToImage(t.Context(), "a", &tt.o)
		assert.ErrorContains(t, err, tt.want)
	}
}
