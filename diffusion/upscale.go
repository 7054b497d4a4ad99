package diffusion

import (
	"context"
	"image"
	"math"
	"slices"

	"sdgo/internal/engine"
	"sdgo/internal/pillow"
	"sdgo/sampler"
	"sdgo/scheduler"
	"sdgo/unet"
)

// Upscale makes a larger picture of an image, with a model that was trained for that
// (Stable Diffusion 2's x4 upscaler, whose U-Net has 7 input channels): both sides by the
// VAE's factor, 4. The U-Net sees the image itself, with noise of level
// Options.NoiseLevel, which it is told. The prompt says what is to be seen. The picture has
// four times the size of the image, rounded down to a multiple of 16, unless the options say
// another one; the image is resized to a quarter of that with Pillow's bicubic filter where
// it has another size. Large pictures are decoded by tiles where LoadOptions.MaxMemory asks
// for that, see Options.Tile. See [Pipeline.ImageToImage] on how the image is read.
//
// https://huggingface.co/stabilityai/stable-diffusion-x4-upscaler
func (p *Pipeline) Upscale(ctx context.Context, prompt string, img image.Image, o *Options) (*Result, error) {
	return p.do(ctx, &upscale{img: img}, prompt, o)
}

// NoNoise as Options.NoiseLevel is level 0.
const NoNoise = -1

// What an upscaler takes where its options, and its files, do not say it.
const (
	defaultNoiseLevel = 20
	maxNoiseLevel     = 350
)

// upscale gives the U-Net a small image beside the latents.
type upscale struct {
	plain
	img image.Image // the caller's

	original *source
	pixels   []float32   // [1 3 h w], the image in the size of the latents
	noisy    [][]float32 // the same for each picture, with noise
	level    int
}

func (*upscale) about() about {
	return about{name: "upscaling", inputs: []input{smallPicture}, noiseLevel: true}
}

func (t *upscale) prepare(r *run) (_ []*source, err error) {
	if t.original, err = newSource("image", t.img); err != nil {
		return nil, err
	}
	if t.level, err = r.noiseLevel(); err != nil {
		return nil, err
	}
	factor, width, height := r.VAE.Config.Factor(), t.original.width, t.original.height
	if r.Width == 0 && width < factor || r.Height == 0 && height < factor {
		return nil, tooSmall(width, height, factor)
	}
	larger := func(side int) int { return factor * (side / factor * factor) }
	if err := r.prepare(larger(width), larger(height)); err != nil {
		return nil, err
	}
	cells := int64(r.h) * int64(r.w)
	r.own += 3*(1+4)*cells + 4*3*cells*int64(r.Images) + t.original.resizing(r.w, r.h)
	return nil, nil // what is read has the size of the latents, and is counted here
}

// noiseLevel is that of the options.
func (r *run) noiseLevel() (int, error) {
	most := r.mostNoise()
	switch level := r.NoiseLevel; {
	case level == NoNoise:
		return 0, nil
	case level == 0:
		return min(defaultNoiseLevel, most), nil
	case level < 0 || level > most:
		return 0, badOption("NoiseLevel", "have %d, want 1 to %d, 0 for %d, or NoNoise", level, most, min(defaultNoiseLevel, most))
	default:
		return level, nil
	}
}

func (t *upscale) read(ctx context.Context, r *run) error {
	p, err := resample(ctx, t.original.rgb(ctx), r.w, r.h, pillow.Bicubic).collect()
	if err != nil {
		return err
	}
	r.note("image", p.pix)
	r.note("noise level", int64(t.level))
	t.pixels, err = p.tensor(ctx)
	return err
}

// start draws the noise for the image, and then that for the latents.
func (t *upscale) start(ctx context.Context, r *run) ([]float32, error) {
	levels := r.lowRes().AlphaBar() // ᾱ of each
	if t.level >= len(levels) {
		return nil, badOption("NoiseLevel", "have %d, want below %d, the levels of the noise of images", t.level, len(levels))
	}
	kept := float32(math.Sqrt(levels[t.level]))
	added := float32(math.Sqrt(float64(1 - float32(levels[t.level]))))
	for _, stream := range r.noise {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x := make([]float32, len(t.pixels))
		stream.draw(x)
		for i, v := range t.pixels {
			x[i] = float32(kept*v) + float32(added*x[i])
		}
		t.noisy = append(t.noisy, x)
	}
	x, err := r.initialNoise(ctx)
	if err != nil {
		return nil, err
	}
	return pureNoise(x, r.schedule.InitNoiseSigma), nil
}

// denoiser gives the U-Net the image beside the latents, and tells it the level of noise.
func (t *upscale) denoiser(r *run) (sampler.Denoiser, error) {
	r.steers = append(r.steers, func(_ context.Context, _ *question, of []*reads, in *unet.Input) error {
		in.Cond.ClassLabels = engine.Tensor(slices.Repeat([]float32{float32(t.level)}, len(of)), len(of))
		return nil
	})
	return r.denoiser(t.noisy)
}

// mostNoise is the highest level of noise.
func (p *Pipeline) mostNoise() int {
	if p.taught.mostNoise == 0 {
		return maxNoiseLevel
	}
	return p.taught.mostNoise
}

// lowRes is the schedule of the noise in images: of the files, or else that of Stable
// Diffusion 2's x4 upscaler.
func (p *Pipeline) lowRes() *scheduler.Config {
	if p.taught.lowRes != nil {
		return p.taught.lowRes
	}
	c, err := scheduler.ParseConfig([]byte(`{"_class_name": "DDPMScheduler", "num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "scaled_linear"}`))
	if err != nil {
		panic(err) // a constant
	}
	return c
}
