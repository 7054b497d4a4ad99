package diffusion

import (
	"image"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
)

// pix are the bytes of pictures.
func pix(r *Result) (all [][]uint8) {
	for _, img := range r.Images {
		all = append(all, img.Pix)
	}
	return all
}

// Two passes are two public calls, byte for byte.
func TestTwoPasses(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for _, u := range []Upscaler{"", UpscaleLatentBicubicAntialiased, UpscaleLanczos, UpscaleNearest} {
		o := &Options{Steps: 4, Width: 64, Height: 48, Seed: 3, Images: 2}
		h := HighRes{Scale: 1.5, Upscaler: u, Steps: 3, Strength: 0.6}
		first := *o
		first.Output = OutputLatent
		if !u.OfLatents() {
			first.Output = OutputImage
		}
		made, err := p.TextToImage(t.Context(), prompt, &first)
		require.NoError(t, err)
		again := *o
		again.Steps, again.Strength = h.Second(o.Steps)
		again.Width, again.Height = 96, 72
		var want *Result
		if u.OfLatents() {
			large, err := u.Latents(made.Latents, 12, 9)
			require.NoError(t, err)
			want, err = p.LatentsToImage(t.Context(), prompt, large, &again)
			require.NoError(t, err)
		} else {
			var large []image.Image
			for _, img := range made.Images {
				x, err := u.Image(img, 96, 72)
				require.NoError(t, err)
				large = append(large, x)
			}
			want, err = p.ImageToImageEach(t.Context(), prompt, large, &again)
			require.NoError(t, err)
		}
		o.HighRes = h
		steps := 0
		o.OnStep = func(s Step) error { steps++; return nil }
		got, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		assert.Equal(t, image.Pt(96, 72), got.Images[0].Rect.Size())
		assert.Equal(t, pix(want), pix(got), u)
		assert.Equal(t, []uint64{3, 4}, got.Seeds)
		assert.Equal(t, 4+3, steps, "steps of both passes")
		assert.Equal(t, made.Timings.Calls+want.Timings.Calls, got.Timings.Calls)
	}
}

// The second pass makes the steps that WebUI makes, and their noise level is that of the
// strength.
func TestHighResSecond(t *testing.T) {
	for _, tt := range []struct {
		steps    int
		strength float64
		first    int
		all, run int
	}{
		{0, 0, 20, 28, 20}, // int(20/0.7) = 28
		{10, 0.5, 20, 20, 10},
		{20, 1, 20, 20, 20},
		{7, 0.3, 50, 23, 7},
		{1, 0.05, 50, 20, 1},
	} {
		all, strength := HighRes{Steps: tt.steps, Strength: tt.strength}.Second(tt.first)
		assert.Equal(t, tt.all, all)
		assert.Equal(t, tt.run, int(float64(all)*strength), "steps that are run")
		assert.LessOrEqual(t, strength, 1.0)
	}
}

func TestHighResErrors(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for _, tt := range []struct {
		h    HighRes
		o    Options
		want string
	}{
		{HighRes{Scale: 1}, Options{}, "diffusion: high res: have a picture of 64×64 pixels to be enlarged by 1, want more than 1, up to 16"},
		{HighRes{Scale: -1}, Options{}, "have a Scale of -1"},
		{HighRes{Scale: 2, Width: 128}, Options{}, "have a Scale of 2 beside a size of 128×0"},
		{HighRes{Width: 100}, Options{}, "want multiples of 8"},
		{HighRes{Width: 128, Height: 72}, Options{}, "want a height of 128, or 0"},
		{HighRes{Strength: 2}, Options{}, "have a Strength of 2"},
		{HighRes{Steps: -1}, Options{}, "have -1 Steps"},
		{HighRes{Strength: 0.001}, Options{}, "diffusion: high res: have a second pass of the last 2 steps of 2000, as its Strength is 0.001, want them to be of 1000 at most"},
		{HighRes{Strength: 1e-300}, Options{}, "diffusion: high res: have a second pass of the last 2 steps of 2147483647"},
		{HighRes{Upscaler: "x"}, Options{}, `diffusion: high res: upscaler: have "x"`},
		{HighRes{Scale: 2}, Options{Resume: []byte{1}}, "diffusion: resume: have it beside HighRes"},
		{HighRes{Scale: 2}, Options{Latents: new(tensor.Dense)}, "diffusion: latents: have it beside HighRes"},
	} {
		o := tt.o
		o.HighRes, o.Width, o.Height, o.Steps = tt.h, 64, 64, 2
		o.OnStep = func(Step) error { t.Error("a step was made"); return nil }
		_, err := p.TextToImage(t.Context(), prompt, &o)
		assert.ErrorContains(t, err, tt.want)
		assert.ErrorIs(t, err, ErrOptions)
	}
	_, err := p.ImageToImage(t.Context(), prompt, picture(t, "input.png"), &Options{HighRes: HighRes{Scale: 2}})
	assert.ErrorContains(t, err, "diffusion: high res: have one, want none: image-to-image has no second pass")
}

// A second pass that no encoder is there for is an error before the first one is made.
func TestHighResNoEncoder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "taesd_decoder.safetensors")
	golden.WriteTAESD(t, file, "decoder")
	p, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{VAE: file})
	require.NoError(t, err)
	defer p.Close()
	o := &Options{Width: 64, Height: 64, Steps: 2, HighRes: HighRes{Upscaler: UpscaleLanczos}}
	o.OnStep = func(Step) error { t.Error("a step was made"); return nil }
	_, err = p.TextToImage(t.Context(), prompt, o)
	assert.ErrorIs(t, err, ErrNoEncoder)
	o.HighRes.Upscaler, o.OnStep = UpscaleLatent, nil
	_, err = p.TextToImage(t.Context(), prompt, o)
	assert.NoError(t, err)
}

// What a call leaves as latents another begins with: an image for each seed, alone as in
// a batch.
func TestLatentsToImage(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := &Options{Steps: 3, Width: 64, Height: 48, Seed: 3, Images: 2, Output: OutputLatent}
	made, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Empty(t, made.Images)
	both, err := p.LatentsToImage(t.Context(), prompt, made.Latents, &Options{Steps: 4, Seed: 5, Images: 2, Strength: 0.6})
	require.NoError(t, err)
	x := made.Latents.Float32s()
	for i := range 2 {
		half := engine.Tensor(x[i*len(x)/2:(i+1)*len(x)/2], 1, 4, 6, 8)
		one, err := p.LatentsToImage(t.Context(), prompt, half, &Options{Steps: 4, Seed: 5 + uint64(i), Strength: 0.6})
		require.NoError(t, err)
		assert.Equal(t, one.Images[0].Pix, both.Images[i].Pix)
	}
	for _, tt := range []struct {
		x    *tensor.Dense
		o    Options
		want string
	}{
		{nil, Options{}, "diffusion: latents: have none"},
		{engine.Tensor(x[:2*48], 1, 2, 6, 8), Options{}, "diffusion: latents: have shape [1 2 6 8], want [-1 4 -1 -1]"},
		{made.Latents, Options{Images: 3}, "diffusion: latents: have 2, want 1, or 3, one for each image"},
		{made.Latents, Options{Images: 2, Width: 128}, "diffusion: width: have 128 for latents of 8×6 cells, want 64"},
	} {
		_, err := p.LatentsToImage(t.Context(), prompt, tt.x, &tt.o)
		assert.ErrorContains(t, err, tt.want)
	}
}

// Each picture is that of its image alone.
func TestImageToImageEach(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	images := []image.Image{picture(t, "input.png"), picture(t, "mask.png"), picture(t, "input_low.png")}
	o := &Options{Steps: 3, Seed: 5, Width: 64, Height: 48}
	all, err := p.ImageToImageEach(t.Context(), prompt, images, o)
	require.NoError(t, err)
	for i, img := range images {
		one := *o
		one.Seed += uint64(i)
		want, err := p.ImageToImage(t.Context(), prompt, img, &one)
		require.NoError(t, err)
		assert.Equal(t, want.Images[0].Pix, all.Images[i].Pix)
	}
	_, err = p.ImageToImageEach(t.Context(), prompt, nil, o)
	assert.ErrorContains(t, err, "diffusion: images: have 0, want 1 to 1024")
	_, err = p.ImageToImageEach(t.Context(), prompt, images, &Options{Images: 2})
	assert.ErrorContains(t, err, "diffusion: images: have 2 for 3 images")
	_, err = p.ImageToImageEach(t.Context(), prompt, []image.Image{images[0], nil}, nil)
	assert.EqualError(t, err, "diffusion: image 1: have no image")
}
