package diffusion

import (
	"context"
	"image"
	"slices"

	"sdgo/sampler"
	"sdgo/unet"
)

// ImageCond is the condition of [Pipeline.Edit] between [Cond] and [Uncond]: the image with
// the negative prompt. Cond has the image and the instruction, Uncond neither.
const ImageCond Condition = "image"

// Edit changes an image as an instruction says, "make it winter", with a model that was
// trained for that (InstructPix2Pix, whose U-Net has 8 input channels, by Brooks et al.
// 2023; of Stable Diffusion XL, too). Options.Guidance is how much the instruction counts,
// and Options.ImageGuidance how much the image. The U-Net sees the image's latents without
// noise, and unscaled as the reference has them. The image is resized to the size of the
// picture with Lanczos' filter, and its transparency is ignored; see [Pipeline.ImageToImage]
// on how it is read. A Guider of the caller's may use ImageCond beside the others.
//
// https://arxiv.org/abs/2211.09800
func (p *Pipeline) Edit(ctx context.Context, instruction string, img image.Image, o *Options) (*Result, error) {
	return p.do(ctx, &edit{img: img}, instruction, o)
}

// edit gives the U-Net the latents of an image beside those of the picture.
type edit struct {
	plain
	img image.Image // the caller's

	original *source
	pixels   []float32 // [1 3 H W], in the size of the picture
	latents  []float32 // [4 h w], of the image
}

func (*edit) about() about {
	return about{name: "editing", inputs: []input{withImage}, others: []another{{name: ImageCond, words: Uncond}}, image: true}
}

func (t *edit) prepare(r *run) (_ []*source, err error) {
	if t.original, err = newSource("image", t.img); err != nil {
		return nil, err
	}
	err = r.prepareImage(t.original.width, t.original.height)
	r.own += r.latentBytes() / int64(r.Images) // the image's
	return []*source{t.original}, err
}

func (t *edit) read(ctx context.Context, r *run) (err error) {
	_, t.pixels, err = r.readImage(ctx, t.original)
	return err
}

func (t *edit) start(ctx context.Context, r *run) ([]float32, error) {
	posterior, err := r.encodeImage(ctx, t.pixels)
	if err != nil {
		return nil, err
	}
	t.latents = posterior.Mean.Float32s()
	if r.taught.scaledImage {
		for i := range t.latents {
			t.latents[i] *= float32(r.VAE.Config.ScalingFactor)
		}
	}
	x, err := r.initialNoise(ctx)
	if err != nil {
		return nil, err
	}
	return pureNoise(x, r.schedule.InitNoiseSigma), nil
}

// denoiser gives the U-Net the image with all conditions but Uncond, with which it sees
// zeros.
func (t *edit) denoiser(r *run) (sampler.Denoiser, error) {
	r.steers = append(r.steers, func(_ context.Context, q *question, of []*reads, in *unet.Input) error {
		x := in.Latents.Float32s()
		one := len(x) / len(of)
		for k, read := range of {
			if read.condition == Uncond {
				clear(x[k*one+len(q.x) : (k+1)*one])
			}
		}
		return nil
	})
	return r.denoiser(slices.Repeat([][]float32{t.latents}, r.Images))
}
