package diffusion_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/sampler"
)

// A picture's file says how it was made, and so it can be made again.
func ExampleReadParameters() {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pipe.Close()
	ctx := context.Background()
	first, err := pipe.TextToImage(ctx, "a red house", &diffusion.Options{Steps: 2, Width: 32, Height: 32, Seed: 7, Sampler: sampler.Euler{}})
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	p := first.Parameters(0)
	p.Model = "tinyscenes"
	if err := diffusion.WritePNG(&file, first.Images[0], p); err != nil {
		log.Fatal(err)
	}

	read, err := diffusion.ReadParameters(&file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(read)
	again, err := pipe.TextToImage(ctx, read.Prompt, &read.Options)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the same:", bytes.Equal(first.Images[0].Pix, again.Images[0].Pix))
	// Output:
	// a red house
	// Steps: 2, Sampler: Euler, CFG scale: 7.5, Seed: 7, Size: 32x32, Model: tinyscenes, RNG: CPU, sdgo task: text-to-image, Version: sdgo
	// the same: true
}

// A run goes on from where a step puts it: here the estimate of the clean latents is made
// a tenth weaker on the way.
func ExampleStep_SetLatents() {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pipe.Close()
	o := &diffusion.Options{Steps: 4, Width: 32, Height: 32, OnStep: func(s diffusion.Step) error {
		x, denoised := s.Latents.Float32s(), s.Denoised.Float32s()
		for i, d := range denoised {
			x[i] -= d / 10
		}
		return s.SetLatents(s.Latents)
	}}
	result, err := pipe.TextToImage(context.Background(), "a red house", o)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("not in a file:", result.Parameters(0).LeftOut)
	// Output:
	// not in a file: [OnStep]
}
