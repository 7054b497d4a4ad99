package diffusion

import (
	"image"
	"io/fs"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/unet"
)

// modelFolder is a folder of golden's that may be changed.
func modelFolder(t *testing.T, model string) fstest.MapFS {
	t.Helper()
	m := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(golden.Model(t, model), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(golden.Model(t, model), name)
		m[name] = &fstest.MapFile{Data: data}
		return err
	}))
	return m
}

// A folder says what it is, loaded or not.
func TestTextlessFolders(t *testing.T) {
	root := modelFolder(t, "tiny-ddpm") // as the oldest have it
	for from, to := range map[string]string{
		"unet/config.json": "config.json", "unet/diffusion_pytorch_model.safetensors": "diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json": "scheduler_config.json",
	} {
		root[to] = root[from]
		delete(root, from)
	}
	for name, tt := range map[string]struct {
		fsys         fs.FS
		family, what string
		parts, steps int
	}{
		"ddpm":          {golden.Model(t, "tiny-ddpm"), "ddpm", "diffusion on pixels, without text (unconditional)", 1, 1000},
		"ddpm, in root": {root, "ddpm", "diffusion on pixels, without text (unconditional)", 1, 1000},
		"ldm":           {golden.Model(t, "tiny-ldm-vq"), "ldm", "latent diffusion without text (unconditional)", 2, 50},
	} {
		t.Run(name, func(t *testing.T) {
			p := loadTextless(t, tt.fsys)
			assert.Equal(t, Identity{Family: tt.family, Task: "unconditional", Name: tt.what, Prediction: "epsilon", DecidedBy: p.Identity.DecidedBy}, p.Identity)
			assert.Equal(t, Defaults{Steps: tt.steps, Guidance: 1}, p.Defaults())
			assert.Empty(t, p.Warnings)
			r, err := InspectFSContext(t.Context(), tt.fsys, ".", nil)
			require.NoError(t, err)
			assert.Empty(t, r.Problems)
			assert.Equal(t, p.Identity, r.Identity)
			assert.Equal(t, p.Defaults(), r.Defaults)
			assert.Len(t, r.Parts, tt.parts)
			assert.Equal(t, len(r.Tensors), r.Count(Used))
			result, err := p.Unconditional(t.Context(), &Options{Steps: 1})
			require.NoError(t, err)
			assert.Equal(t, image.Rect(0, 0, 32, 32), result.Images[0].Rect)
			_, err = p.Plan(nil)
			assert.NoError(t, err)
			assert.EqualError(t, Save(t.Context(), t.TempDir()+"/x", p, nil), "diffusion: save: have a model that reads no text, want Stable Diffusion 1, 2 or XL")
		})
	}
}

// The files of the parts are no models, nor parts of one with text.
func TestTextlessFiles(t *testing.T) {
	const file = "diffusion_pytorch_model.safetensors"
	for _, tt := range []struct{ model, dir, family, what string }{
		{"tiny-ddpm", "unet", "ldm", "the U-Net of a model without text, diffusers' UNet2DModel, which is read in the folder of its pipeline"},
		{"tiny-ldm-vq", "vqvae", "vq", "an autoencoder with a codebook (quantize.embedding.weight), diffusers' VQModel, which is read in the folder of its pipeline"},
	} {
		part := fstest.MapFS{file: modelFolder(t, tt.model)[tt.dir+"/"+file]}
		r, err := InspectFSContext(t.Context(), part, file, nil)
		require.NoError(t, err)
		assert.Equal(t, []string{tt.family, tt.what}, []string{r.Family, r.Name})
		assert.Empty(t, r.Use)
		assert.Equal(t, len(r.Tensors), r.Count(Refused))
		o := &LoadOptions{VAE: filepath.Join(filepath.Dir(onDisk(t, part, tt.dir)), file)}
		if tt.dir == "unet" {
			o = &LoadOptions{UNet: o.VAE}
		}
		_, err = LoadFS(golden.Model(t, "tiny-sd15"), o)
		assert.ErrorContains(t, err, tt.what)
	}
}

// A DDIMPipeline steps as DDIM whatever its scheduler's class, as in diffusers.
func TestDDIMPipeline(t *testing.T) {
	m := modelFolder(t, "tiny-ddpm")
	m[indexFile] = &fstest.MapFile{Data: []byte(`{"_class_name": "DDIMPipeline", "scheduler": ["diffusers", "DDPMScheduler"], "unet": ["diffusers", "UNet2DModel"]}`)}
	p := loadTextless(t, m)
	assert.Equal(t, "DDIMScheduler", p.Scheduler.Class)
	assert.True(t, p.Scheduler.ClipSample, "pixels are clipped")
	assert.Equal(t, 50, p.Defaults().Steps)
}

func TestTextlessLoadErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		model, index string
		o            *LoadOptions
		want         string
	}{
		"tokenizer":    {"tiny-ddpm", "", &LoadOptions{Tokenizer: "x"}, `tokenizer: have "x", want none: the model reads no text`},
		"text encoder": {"tiny-ddpm", "", &LoadOptions{TextEncoder: "x"}, `text encoder: have "x", want none: the model reads no text`},
		"vae":          {"tiny-ddpm", "", &LoadOptions{VAE: "x"}, `vae: have "x", want none: the model works on pixels`},
		"averages":     {"tiny-ddpm", "", &LoadOptions{EMA: true}, "ema: have true, want false"},
		"variant":      {"tiny-ddpm", "", &LoadOptions{Variant: "fp16"}, `variant: have "fp16", which no part has`},
		"no scheduler": {"tiny-ddpm", `{"unet": ["diffusers", "UNet2DModel"], "scheduler": [null, null]}`, nil, "scheduler is null"},
		"no vqvae":     {"tiny-ldm-vq", `{"_class_name": "LDMPipeline", "unet": ["diffusers", "UNet2DModel"], "scheduler": ["diffusers", "DDIMScheduler"], "vqvae": [null, null]}`, nil, "vqvae is null"},
		"bert":         {"tiny-ldm-vq", `{"_class_name": "LDMTextToImagePipeline", "unet": ["diffusers", "UNet2DConditionModel"], "vqvae": ["diffusers", "VQModel"]}`, nil, "vqvae, a VQModel (an autoencoder with a codebook), belongs to an early latent diffusion model"},
		"movq":         {"tiny-ldm-vq", `{"unet": ["diffusers", "UNet2DModel"], "vqvae": ["diffusers", "ConsistencyDecoderVAE"], "scheduler": ["diffusers", "DDIMScheduler"]}`, nil, "vqvae is a ConsistencyDecoderVAE (an autoencoder whose decoder is a diffusion model), want VQModel"},
	} {
		m := modelFolder(t, tt.model)
		if tt.index != "" {
			m[indexFile] = &fstest.MapFile{Data: []byte(tt.index)}
		}
		_, err := LoadFS(m, tt.o)
		assert.ErrorContains(t, err, tt.want, name)
	}
}

// A task of text for a model without, and the other way round, is an error that says what
// would fit; so is an option that is for the other.
func TestTextlessErrors(t *testing.T) {
	p, text := load(t, "tiny-ddpm", nil), load(t, "tiny-sd15", nil)
	ctx := t.Context()
	img := image.NewNRGBA(image.Rect(0, 0, 32, 32))
	for want, call := range map[string]func() (*Result, error){
		"diffusion: text-to-image wants a model that reads a text: this is a model that reads none, for Unconditional (sd uncond)":       func() (*Result, error) { return p.TextToImage(ctx, "", nil) },
		"diffusion: depth-to-image wants a model that reads a text: this is a model that reads none, for Unconditional (sd uncond)":      func() (*Result, error) { return p.DepthToImage(ctx, "", img, nil, nil) },
		"diffusion: unconditional wants a model that reads no text: this is a model of text, for TextToImage, whose prompt may be empty": func() (*Result, error) { return text.Unconditional(ctx, nil) },
		"diffusion: prompt: have one, want none: the model reads no text":                                                                func() (*Result, error) { return p.ImageToImage(ctx, "x", img, nil) },
		"diffusion: negative prompt: have one, want none: the model reads no text":                                                       func() (*Result, error) { return p.Unconditional(ctx, &Options{NegativePrompt: "x"}) },
		"diffusion: clip skip: have one, want none: the model reads no text":                                                             func() (*Result, error) { return p.Unconditional(ctx, &Options{ClipSkip: 1}) },
		"diffusion: guidance: have 3, want 0 or 1: of a model without text and classes there is one prediction alone":                    func() (*Result, error) { return p.Unconditional(ctx, &Options{Guidance: 3}) },
		"diffusion: class: have 1, want none: the model has no classes":                                                                  func() (*Result, error) { return p.Unconditional(ctx, &Options{Class: new(1)}) },
		"diffusion: negative class: have 1, want none: the model has no classes":                                                         func() (*Result, error) { return text.TextToImage(ctx, "", &Options{NegativeClass: new(1)}) },
	} {
		_, err := call()
		assert.EqualError(t, err, want)
	}
	_, err := p.Unconditional(ctx, &Options{Guider: ClassifierFree{}})
	assert.ErrorContains(t, err, `needs "uncond"`)
	assert.ErrorContains(t, err, "there is one prediction alone")
	_, err = p.Unconditional(ctx, &Options{Guider: PerturbedAttention{}})
	assert.ErrorContains(t, err, "the attention of a UNet2DModel cannot be perturbed")
	_, err = p.Unconditional(ctx, &Options{TokenMerging: unet.TokenMerging{Ratio: 0.5}})
	assert.EqualError(t, err, "diffusion: unet: token merging: have ratio 0.5, want 0: the U-Net is a UNet2DModel, which has no transformers whose tokens could be merged")
	assert.ErrorIs(t, err, ErrOptions)
}

// What holds of a model of text holds without: any image of a batch is as alone, a run
// that was saved goes on with the same bytes, pixels are their own preview, and pictures
// are made of images, too.
func TestTextlessRuns(t *testing.T) {
	for _, model := range []string{"tiny-ddpm", "tiny-ldm-vq"} {
		p := load(t, model, nil)
		ctx := t.Context()
		var saved []byte
		o := Options{Steps: 4, Images: 3, Seed: 5, OnStep: func(s Step) (err error) {
			if s.Step != 2 {
				return nil
			}
			if model == "tiny-ddpm" {
				shown, err := s.Preview()
				require.NoError(t, err)
				assert.Equal(t, image.Rect(0, 0, 32, 32), shown[2].Rect)
			}
			saved, err = s.Save()
			return err
		}}
		three, err := p.Unconditional(ctx, &o)
		require.NoError(t, err)
		alone, err := p.Unconditional(ctx, &Options{Steps: 4, Seed: 7})
		require.NoError(t, err)
		assert.Equal(t, alone.Images[0].Pix, three.Images[2].Pix, model)
		o.OnStep, o.Resume = nil, saved
		resumed, err := p.Unconditional(ctx, &o)
		require.NoError(t, err)
		assert.Equal(t, three.Images[1].Pix, resumed.Images[1].Pix, model)

		like, err := p.ImageToImage(ctx, "", three.Images[0], &Options{Steps: 50, Strength: 0.02, Seed: 1})
		require.NoError(t, err)
		if model == "tiny-ddpm" { // the other's autoencoder was never trained to give back what it reads
			assert.Less(t, 4*difference(like.Images[0], three.Images[0]), difference(like.Images[0], three.Images[1]))
		}
		short, err := p.Unconditional(ctx, &Options{Steps: 4, Seed: 5, Output: OutputLatent})
		require.NoError(t, err)
		from, err := p.LatentsToImage(ctx, "", short.Latents, &Options{Steps: 50, Strength: 0.02, Seed: 1})
		require.NoError(t, err)
		assert.Less(t, 4*difference(from.Images[0], three.Images[0]), difference(from.Images[0], three.Images[1]))
		mask := image.NewGray(image.Rect(0, 0, 32, 32))
		for i := range 16 * 32 {
			mask.Pix[i] = 255
		}
		painted, err := p.Inpaint(ctx, "", three.Images[0], mask, &Options{Steps: 4, KeepOutside: true})
		require.NoError(t, err)
		assert.Equal(t, three.Images[0].Pix[4*17*32:], painted.Images[0].Pix[4*17*32:], model)
	}
}

// difference is the sum of the differences of two pictures' bytes.
func difference(a, b *image.NRGBA) (sum int) {
	for i, v := range a.Pix {
		d := int(v) - int(b.Pix[i])
		sum += d * d
	}
	return sum
}
