package diffusion

import (
	"context"
	"image"
	"slices"

	"gorgonia.org/tensor"

	"sdgo/sampler"
)

// DepthToImage is [Pipeline.ImageToImage] with a model that sees how far away things
// are (Stable Diffusion 2's depth model, whose U-Net has 5 input channels): the picture
// keeps the depth of the image. Depth [H W], [1 H W] or [1 1 H W] is a map of float32
// numbers in any unit and of any size, the nearer the larger, as MiDaS and DPT predict
// it; [DepthMap] makes one of a gray picture. It is stretched over the picture and its
// range made [-1, 1]; a map that is the same everywhere is an error. It is read during
// the call and must not change. The model's estimator of depth is not part of the
// pipeline. As in diffusers, the scheduler config of such a model is taken as its file
// has it.
//
// https://huggingface.co/stabilityai/stable-diffusion-2-depth
func (p *Pipeline) DepthToImage(ctx context.Context, prompt string, img image.Image, depth *tensor.Dense, o *Options) (*Result, error) {
	return p.do(ctx, &depthToImage{imageToImage: imageToImage{images: []image.Image{img}}, given: depth}, prompt, o)
}

// depthToImage is imageToImage with a depth map beside the latents.
type depthToImage struct {
	imageToImage
	given *tensor.Dense // the caller's

	depth []float32 // [1 h w], -1 to 1
}

func (t *depthToImage) about() about {
	a := t.imageToImage.about()
	a.name, a.inputs, a.textless = "depth-to-image", []input{withDepth}, textAlone
	return a
}

func (t *depthToImage) prepare(r *run) ([]*source, error) {
	if _, _, _, err := checkDepth(t.given); err != nil {
		return nil, err
	}
	images, err := t.imageToImage.prepare(r)
	r.own += 4 * int64(r.h) * int64(r.w)
	return images, err
}

func (t *depthToImage) read(ctx context.Context, r *run) (err error) {
	if t.depth, err = readDepth(ctx, t.given, r.h, r.w); err != nil {
		return err
	}
	r.note("depth", t.depth)
	return t.imageToImage.read(ctx, r)
}

// denoiser gives the U-Net the depth map beside the latents.
func (t *depthToImage) denoiser(r *run) (sampler.Denoiser, error) {
	return r.denoiser(slices.Repeat([][]float32{t.depth}, r.Images))
}
