package diffusion

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"io/fs"
	"math"
	"path"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/golden"
	"sdgo/sampler"
	"sdgo/scheduler"
	"sdgo/unet"
	"sdgo/vae"
)

// recorded is the noise that the reference drew, for each image from its rows.
func recorded(g *golden.Case, first uint64) func(seed uint64) sampler.Noise {
	return func(seed uint64) sampler.Noise {
		draw := 0
		return func(dst []float32) {
			name := fmt.Sprintf("noise.%d", draw)
			draw++
			if !g.Has(name) { // the reference draws none where it adds none
				clear(dst)
				return
			}
			copy(dst, g.Float32s(name)[int(seed-first)*len(dst):])
		}
	}
}

// Models without text make the pictures that diffusers' DDPMPipeline, DDIMPipeline and
// LDMPipeline do.
func TestUnconditionalGoldens(t *testing.T) {
	for _, group := range []string{"uncond_ddpm", "uncond_ldm_vq"} {
		for _, name := range golden.Cases(t, "pipelines/"+group) {
			t.Run(group+"/"+path.Base(name), func(t *testing.T) {
				g := golden.Open(t, name)
				var c pipelineCase
				g.Decode(&c)
				p := load(t, c.Model, &c)
				o := &Options{Steps: c.Call.Steps, Eta: c.Call.Eta, Seed: c.Seed, Images: g.Shape("image")[0], NewNoise: recorded(g, c.Seed)}
				result, err := p.Unconditional(t.Context(), o)
				require.NoError(t, err)
				golden.Close(t, g.Float32s("image"), unit(result.Images), 1.0/255+tolerance, "image, a rounding step")
				if o.Images > 1 {
					return
				}
				o.NewNoise = nil // the seed's own noise is that of the reference
				again, err := p.Unconditional(t.Context(), o)
				require.NoError(t, err)
				assert.Equal(t, result.Images[0].Pix, again.Images[0].Pix)
			})
		}
	}
}

// named is a case of golden's textless: models of names, and a scheduler.
type textlessCase struct {
	UNet, VQVAE, Classes, Channels golden.Named
	Scheduler                      json.RawMessage
	Steps                          int
	Seed                           uint64
}

// folder is that of a pipeline of a class, of models by their parts.
func (c *textlessCase) folder(t *testing.T, class string, parts map[string]*golden.Named) fstest.MapFS {
	t.Helper()
	index := map[string]any{"_class_name": class, "scheduler": []string{"diffusers", "DDIMScheduler"}}
	m := fstest.MapFS{"scheduler/scheduler_config.json": {Data: c.Scheduler}}
	for part, model := range parts {
		var config struct {
			Class string `json:"_class_name"`
		}
		require.NoError(t, json.Unmarshal(model.Config, &config))
		index[part] = []string{"diffusers", config.Class}
		model.WriteTo(t, m, part)
	}
	data, err := json.Marshal(index)
	require.NoError(t, err)
	m[indexFile] = &fstest.MapFile{Data: data}
	return m
}

func loadTextless(t *testing.T, fsys fs.FS) *Pipeline {
	t.Helper()
	p, err := LoadFS(fsys, nil)
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

// A small picture beside the latents is enlarged as LDMSuperResolutionPipeline does.
func TestSuperResolution(t *testing.T) {
	g := golden.Open(t, "textless/super-resolution")
	var c textlessCase
	g.Decode(&c)
	p := loadTextless(t, c.folder(t, superResolution, map[string]*golden.Named{"unet": &c.UNet, vqPart: &c.VQVAE}))
	assert.Equal(t, Defaults{Steps: 100, Guidance: 1}, p.Defaults())
	assert.Equal(t, "super-resolution", p.Identity.Task)
	low := lowPicture(t)
	result, err := p.SuperResolution(t.Context(), low, &Options{Steps: c.Steps, Seed: c.Seed})
	require.NoError(t, err)
	golden.Close(t, g.Float32s("final_latents"), result.Latents.Float32s(), tolerance, "final latents")
	golden.Close(t, g.Float32s("image"), unit(result.Images), 1.0/255+tolerance, "image, a rounding step")

	_, err = p.Unconditional(t.Context(), nil)
	assert.EqualError(t, err, "diffusion: the U-Net has 6 input channels (in_channels), want 3, those of the latents: this model wants 3 more, which ChannelsToImage gives it (or SuperResolution, a small picture)")
	_, err = p.SuperResolution(t.Context(), image.NewGray(image.Rect(0, 0, 31, 64)), nil)
	assert.EqualError(t, err, "diffusion: image: have 31×64 pixels, want at least 32×32, or a width and height in the options")
	result, err = p.SuperResolution(t.Context(), image.NewGray(image.Rect(0, 0, 31, 64)), &Options{Width: 64, Height: 128, Steps: 1})
	require.NoError(t, err)
	assert.Equal(t, image.Rect(0, 0, 64, 128), result.Images[0].Rect)
}

// pixelPipeline is a model on pixels whose parts are the caller's.
func pixelPipeline(t *testing.T, model *golden.Named, levels json.RawMessage) *Pipeline {
	t.Helper()
	u, err := unet.LoadFrom(t.Context(), model.Source(t), nil)
	require.NoError(t, err)
	v, err := vae.Pixels(t.Context(), u.Config.OutChannels, nil)
	require.NoError(t, err)
	t.Cleanup(func() { u.Close(); v.Close() })
	s, err := scheduler.ParseConfig(levels)
	require.NoError(t, err)
	p, err := New(nil, nil, u, v, s)
	require.NoError(t, err)
	return p
}

// Of a model with classes pictures are of one, and guidance leads away from another.
func TestClasses(t *testing.T) {
	g := golden.Open(t, "textless/loops")
	var c textlessCase
	g.Decode(&c)
	p := pixelPipeline(t, &c.Classes, c.Scheduler)
	for name, o := range map[string]*Options{
		"class":  {Class: new(2)},
		"guided": {Class: new(2), NegativeClass: new(4)}, // by 3
	} {
		o.Steps, o.Seed = c.Steps, c.Seed
		result, err := p.Unconditional(t.Context(), o)
		require.NoError(t, err)
		golden.Close(t, g.Float32s(name), result.Latents.Float32s(), tolerance, name)
	}
	for want, o := range map[string]*Options{
		"diffusion: class: have none, want 0 to 4: the model makes pictures of classes": nil,
		"diffusion: class: have 5, want 0 to 4":                                         {Class: new(5)},
		"diffusion: negative class: have -1, want 0 to 4":                               {Class: new(1), NegativeClass: new(-1)},
		"diffusion: guidance: have 7, want 0 or 1: there is one prediction alone unless Options.NegativeClass names the class to lead away from": {Class: new(1), Guidance: 7},
		"diffusion: sampler: have one of CFG++, want another: there is one prediction alone unless Options.NegativeClass names the class to lead away from": {
			Class: new(1), Sampler: sampler.DDIM{CFGPlusPlus: true}},
	} {
		_, err := p.Unconditional(t.Context(), o)
		assert.EqualError(t, err, want)
		assert.ErrorIs(t, err, ErrOptions)
	}
}

// Channels beside the latents are what the U-Net reads, of each image its own.
func TestChannelsToImage(t *testing.T) {
	g := golden.Open(t, "textless/loops")
	var c textlessCase
	g.Decode(&c)
	p := pixelPipeline(t, &c.Channels, c.Scheduler)
	channels := tensor.New(tensor.WithShape(1, 2, 8, 8), tensor.WithBacking(g.Float32s("channels")))
	result, err := p.ChannelsToImage(t.Context(), "", channels, &Options{Steps: c.Steps, Seed: c.Seed})
	require.NoError(t, err)
	golden.Close(t, g.Float32s("concatenated"), result.Latents.Float32s(), tolerance, "latents")

	two := tensor.New(tensor.WithShape(2, 2, 8, 8), tensor.WithBacking(append(make([]float32, 128), g.Float32s("channels")...)))
	both, err := p.ChannelsToImage(t.Context(), "", two, &Options{Steps: c.Steps, Seed: c.Seed - 1, Images: 2})
	require.NoError(t, err)
	assert.Equal(t, result.Images[0].Pix, both.Images[1].Pix)

	bad := tensor.New(tensor.WithShape(1, 2, 1, 1), tensor.WithBacking([]float32{0, float32(math.NaN())}))
	for _, tt := range []struct {
		channels *tensor.Dense
		o        *Options
		want     string
	}{
		{nil, nil, "diffusion: channels: have none, want a tensor [-1 2 -1 -1]"},
		{tensor.New(tensor.WithShape(1, 3, 8, 8), tensor.Of(tensor.Float32)), nil, "diffusion: channels: have shape [1 3 8 8], want [-1 2 -1 -1]"},
		{two, nil, "diffusion: channels: have [2 2 8 8] for 1 images, want 1 or 1 first"},
		{channels, &Options{Width: 16}, "diffusion: width: have 16, want 0 or 8, as the channels [1 2 8 8] say"},
		{bad, nil, "diffusion: channels: element 1 is NaN, want finite numbers"},
	} {
		_, err := p.ChannelsToImage(t.Context(), "", tt.channels, tt.o)
		assert.EqualError(t, err, tt.want)
	}
	_, err = load(t, "tiny-sd15", nil).ChannelsToImage(t.Context(), "", channels, nil)
	assert.EqualError(t, err, "diffusion: the U-Net has 4 input channels (in_channels), as many as the latents, want more for the channels")
	_, err = p.SuperResolution(t.Context(), image.NewGray(image.Rect(0, 0, 64, 64)), nil)
	assert.EqualError(t, err, "diffusion: the U-Net has 5 input channels (in_channels), want 6 for super-resolution: the latents' and 3 of a small picture")
}

func TestOneHotChannels(t *testing.T) {
	labels := image.NewGray(image.Rect(1, 1, 4, 3)).SubImage(image.Rect(2, 1, 4, 3)).(*image.Gray)
	copy(labels.Pix[0:2], []uint8{2, 0})
	copy(labels.Pix[labels.Stride:], []uint8{1, 2})
	x, err := OneHotChannels(labels, 3)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 3, 2, 2}, []int(x.Shape()))
	assert.Equal(t, []float32{0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1}, x.Float32s())
	for _, tt := range []struct {
		img     image.Image
		classes int
		want    string
	}{
		{labels, 2, "diffusion: labels: have 2 at (0, 0), want 0 to 1"},
		{labels, 0, "diffusion: labels: have 0 classes, want 1 to 67108864 for 2×2 pixels"},
		{image.NewNRGBA(labels.Rect), 2, "diffusion: labels: have a *image.NRGBA, want an *image.Paletted or an *image.Gray, whose values are the labels"},
		{nil, 2, "diffusion: labels: have no image"},
	} {
		_, err := OneHotChannels(tt.img, tt.classes)
		assert.EqualError(t, err, tt.want)
	}
}

func lowPicture(t *testing.T) image.Image {
	t.Helper()
	img, err := DecodeImage(bytes.NewReader(golden.File(t, "textless/low.png")))
	require.NoError(t, err)
	return img
}
