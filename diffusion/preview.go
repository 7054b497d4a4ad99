package diffusion

import (
	"fmt"
	"image"
)

// latentRGB maps the four latents of SD 1 and SD 2 to red, green and blue in
// [-1, 1]. The factors are a least-squares fit by Kevin Turner (2022):
// https://discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204
var latentRGB = [4][3]float32{
	{0.298, 0.207, 0.208},
	{0.187, 0.286, 0.173},
	{-0.158, 0.189, 0.264},
	{-0.184, -0.271, -0.473},
}

// previewImage shows latents [4 H W], scaled as the U-Net has them, as an image
// of scale·W × scale·H pixels without decoding them: blurred colors that let
// the picture be recognized. A scale below 1 means 1.
func previewImage(latents []float32, h, w, scale int) (*image.NRGBA, error) {
	if h < 1 || w < 1 || len(latents) != 4*h*w {
		return nil, fmt.Errorf("diffusion: preview: have %d values, want shape [4 %d %d]", len(latents), h, w)
	}
	scale = max(scale, 1)
	img := image.NewNRGBA(image.Rect(0, 0, scale*w, scale*h))
	plane := h * w
	for y := range scale * h {
		for x := range scale * w {
			cell := y/scale*w + x/scale
			px := img.Pix[img.PixOffset(x, y):][:4]
			for c := range 3 {
				var v float32
				for k, factors := range latentRGB {
					v += float32(latents[k*plane+cell] * factors[c])
				}
				px[c] = toByte(v)
			}
			px[3] = 255
		}
	}
	return img, nil
}
