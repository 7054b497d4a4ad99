//go:build gpu && cgo && linux

package cuda_test

import (
	"image"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/internal/golden"
	"sdgo/safetensors/checkpoint"
	"sdgo/unet"
)

// pattern is a picture of some colours.
func pattern(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = uint8(i*7 | 3)
	}
	return img
}

// overlayFunc changes the weights of parts of a model.
type overlayFunc = func(part string, src checkpoint.Source) (checkpoint.Source, error)

// taskCase is a call of a pipeline of a small model, whose weights an overlay may change.
type taskCase struct {
	fsys    func(t testing.TB) fs.FS
	overlay func(t testing.TB) overlayFunc
	call    func(t *testing.T, p *diffusion.Pipeline, o *diffusion.Options) (*diffusion.Result, error)
}

// text makes a picture of a text, with options that set changes.
func text(set func(t *testing.T, p *diffusion.Pipeline, o *diffusion.Options)) func(*testing.T, *diffusion.Pipeline, *diffusion.Options) (*diffusion.Result, error) {
	return func(t *testing.T, p *diffusion.Pipeline, o *diffusion.Options) (*diffusion.Result, error) {
		set(t, p, o)
		return p.TextToImage(t.Context(), "a", o)
	}
}

func named(name string) func(t testing.TB) fs.FS {
	return func(t testing.TB) fs.FS { return golden.Model(t, name) }
}

// encoders is a folder with an image encoder beside other files.
func encoders(t testing.TB, name string) fstest.MapFS {
	fsys := maps.Clone(golden.Model(t, name).(fstest.MapFS))
	for name, file := range golden.Model(t, "tiny-vision").(fstest.MapFS) {
		fsys["image_encoder/"+name] = file
	}
	return fsys
}

// variation is a model that varies images: it reads their embeddings, and no text.
func variation(t testing.TB) fs.FS {
	fsys := encoders(t, "tiny-sd15")
	maps.DeleteFunc(fsys, func(name string, _ *fstest.MapFile) bool {
		folder, _, _ := strings.Cut(name, "/")
		return !slices.Contains([]string{"unet", "vae", "scheduler", "image_encoder"}, folder)
	})
	const processor = "feature_extractor/preprocessor_config.json"
	fsys[processor] = golden.Model(t, "tiny-safety-checker").(fstest.MapFS)[processor]
	fsys["model_index.json"] = &fstest.MapFile{Data: []byte(`{"_class_name": "StableDiffusionImageVariationPipeline", "feature_extractor": ["transformers", "CLIPImageProcessor"],
		"image_encoder": ["transformers", "CLIPVisionModelWithProjection"], "safety_checker": [null, null], "scheduler": ["diffusers", "DDIMScheduler"],
		"unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}`)}
	return fsys
}

// controlled loads a network and gives it a picture.
func controlled(fsys func(t testing.TB) fs.FS) func(*testing.T, *diffusion.Pipeline, *diffusion.Options) {
	return func(t *testing.T, p *diffusion.Pipeline, o *diffusion.Options) {
		l, err := p.LoadControlFS(fsys(t), ".")
		require.NoError(t, err)
		t.Cleanup(func() { l.Close() })
		o.Controls = []diffusion.Control{{Loaded: l, Image: pattern(16, 16)}}
	}
}

// prompted loads an IP-Adapter and shows it a picture, in a part of which it counts.
func prompted(file string, mask image.Image) func(*testing.T, *diffusion.Pipeline, *diffusion.Options) {
	return func(t *testing.T, p *diffusion.Pipeline, o *diffusion.Options) {
		a, err := p.LoadIPAdapterFS(encoders(t, "ip-adapter"), file, nil)
		require.NoError(t, err)
		t.Cleanup(func() { a.Close() })
		o.ImagePrompts = []diffusion.ImagePrompt{{Adapter: a, Images: []image.Image{pattern(40, 30)}, Scale: 0.7, Mask: mask}}
	}
}

// taskCases are a call of each task and option that has operations of its own.
func taskCases() map[string]taskCase {
	mask := image.NewGray(image.Rect(0, 0, 16, 16))
	copy(mask.Pix[:128], slices.Repeat([]uint8{255}, 128))
	network := func(name string) func(t testing.TB) fs.FS {
		return func(t testing.TB) fs.FS { return golden.Networks(t)[name].Folder(t) }
	}
	cases := map[string]taskCase{
		"unconditional": {named("tiny-ddpm"), nil, unconditional},
		"codebook":      {named("tiny-ldm-vq"), nil, unconditional},
		"upscale": {named("tiny-x4-upscaler"), nil, func(t *testing.T, p *diffusion.Pipeline, o *diffusion.Options) (*diffusion.Result, error) {
			o.Width, o.Height = 0, 0
			return p.Upscale(t.Context(), "a", pattern(8, 8), o)
		}},
		"image variation": {variation, nil, func(t *testing.T, p *diffusion.Pipeline, o *diffusion.Options) (*diffusion.Result, error) {
			return p.ImageVariation(t.Context(), pattern(40, 30), o)
		}},
		"boxes": {named("tiny-sd15"), grounded, text(func(_ *testing.T, _ *diffusion.Pipeline, o *diffusion.Options) {
			o.BoxShare = 1
			o.Boxes = []diffusion.Box{{Left: 0.1, Top: 0.2, Right: 0.55, Bottom: 0.9, Phrase: "a"}}
		})},
	}
	for name, set := range map[string]func(t *testing.T, p *diffusion.Pipeline, o *diffusion.Options){
		"controlnet":         controlled(func(t testing.TB) fs.FS { return golden.ControlNet(t) }),
		"t2i-adapter":        controlled(network("t2i-full")),
		"image prompt":       prompted("plain-sd15.safetensors", mask),
		"image prompt, plus": prompted("plus-sd15.safetensors", nil),
		"perturbed attention": func(_ *testing.T, _ *diffusion.Pipeline, o *diffusion.Options) {
			o.Guider = diffusion.PerturbedAttention{}
		},
		"smoothed energy": func(_ *testing.T, _ *diffusion.Pipeline, o *diffusion.Options) {
			o.Guider = diffusion.SmoothedEnergy{Blur: 1}
		},
		"seamless": func(_ *testing.T, _ *diffusion.Pipeline, o *diffusion.Options) {
			o.Seamless = unet.Seamless{X: true, Y: true}
		},
		"freeu": func(_ *testing.T, _ *diffusion.Pipeline, o *diffusion.Options) {
			o.FreeU = unet.FreeU{B1: 1.5, B2: 1.6, S1: 0.9, S2: 0.2}
		},
		"token merging": func(_ *testing.T, _ *diffusion.Pipeline, o *diffusion.Options) {
			o.TokenMerging = unet.TokenMerging{Ratio: 0.5}
		},
		"reuse": func(_ *testing.T, _ *diffusion.Pipeline, o *diffusion.Options) {
			o.Reuse, o.Steps = diffusion.Reuse{Interval: 2, Branch: 1}, 3
		},
	} {
		cases[name] = taskCase{named("tiny-sd15"), nil, text(set)}
	}
	return cases
}

func unconditional(t *testing.T, p *diffusion.Pipeline, o *diffusion.Options) (*diffusion.Result, error) {
	o.Width, o.Height = 0, 0
	return p.Unconditional(t.Context(), o)
}

// grounded adds layers for boxes to the U-Net.
func grounded(t testing.TB) overlayFunc {
	return func(part string, src checkpoint.Source) (checkpoint.Source, error) {
		if part != "unet" {
			return src, nil
		}
		return golden.Grounded(t, checkpoint.NewOverlay(src), "gated"), nil
	}
}

// leastTask is the least PSNR of a picture on a device to the processor's, by precision: in
// float32 pixels that round the other way are all that may differ, and by default weights
// and values are rounded to float16, and those of the VAE to bfloat16.
var leastTask = map[string]float64{diffusion.Float32: 60, "": 40}

// byDefault are the tasks that are tried in the default precision, too: of each kind of
// network one.
var byDefault = []string{"controlnet", "image prompt, plus", "token merging", "codebook"}

// Every task and option gives on a device what it gives on the processor, and gives back what
// it took of the device's memory.
func TestEachTask(t *testing.T) {
	software(t)
	for name, c := range taskCases() {
		t.Run(name, func(t *testing.T) {
			run := func(t *testing.T, o diffusion.LoadOptions) []byte {
				if c.overlay != nil {
					o.Overlay = c.overlay(t)
				}
				pipe, err := diffusion.LoadFS(c.fsys(t), &o)
				require.NoError(t, err)
				t.Cleanup(func() { pipe.Close() })
				result, err := c.call(t, pipe, &diffusion.Options{Width: 16, Height: 16, Steps: 1, Seed: 1})
				require.NoError(t, err, fault())
				return result.Images[0].Pix
			}
			before := held()
			var want []byte
			t.Run("processor", func(t *testing.T) { want = run(t, diffusion.LoadOptions{Precision: diffusion.Float32}) })
			for precision, least := range leastTask {
				if precision == "" && !slices.Contains(byDefault, name) {
					continue
				}
				t.Run("device "+precision, func(t *testing.T) {
					have := run(t, diffusion.LoadOptions{Precision: precision, Device: diffusion.CUDA(0)})
					require.Len(t, have, len(want))
					psnr := golden.PSNR(want, have)
					assert.GreaterOrEqual(t, psnr, least)
				})
			}
			assert.Equal(t, before, held())
		})
	}
}
