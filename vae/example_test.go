package vae_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"log"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/vae"
)

// An image goes to latents and comes back.
func Example() {
	v, err := vae.LoadFS(tinyscenes.FS, "vae", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer v.Close()
	img := image.NewNRGBA(image.Rect(0, 0, 64, 48))
	for y := range 48 {
		for x := range 64 {
			img.SetNRGBA(x, y, color.NRGBA{R: uint8(4 * x), G: uint8(5 * y), B: 128, A: 255})
		}
	}

	pixels, err := diffusion.ImageToTensor(img) // [1 3 H W], -1 to 1
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	posterior, err := v.Encode(ctx, pixels)
	if err != nil {
		log.Fatal(err)
	}
	latents, err := posterior.Sample(nil) // its mean
	if err != nil {
		log.Fatal(err)
	}
	decoded, err := v.Decode(ctx, latents)
	if err != nil {
		log.Fatal(err)
	}
	images, err := diffusion.TensorToImage(decoded)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(pixels.Shape(), latents.Shape(), images[0].Bounds())
	// Output:
	// (1, 3, 48, 64) (1, 4, 6, 8) (0,0)-(64,48)
}
