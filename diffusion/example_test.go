package diffusion_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/sampler"
)

// A prompt becomes a picture.
func Example() {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil) // or diffusion.Load("stable-diffusion-v1-5", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pipe.Close()
	result, err := pipe.TextToImage(context.Background(), "a red house on a green hill", &diffusion.Options{
		Steps: 4, Seed: 7, Sampler: sampler.DPMPP2M{}, Schedule: "karras",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Images[0].Bounds(), result.Seeds)
	// Output:
	// (0,0)-(128,128) [7]
}

// What is wrong with a call is told apart by the error.
func ExampleOptionError() {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pipe.Close()
	_, err = pipe.TextToImage(context.Background(), "a red house", &diffusion.Options{Width: 100})
	var wrong *diffusion.OptionError
	switch {
	case errors.As(err, &wrong):
		fmt.Println(wrong.Option, "is wrong:", err)
	case errors.Is(err, diffusion.ErrTooLarge):
		fmt.Println("never fits:", err)
	}
	// Output:
	// Width is wrong: diffusion: size: have 100×128 pixels, want multiples of 8 to 65536
}

// What a model is, and what loading does with its tensors, is told without loading it.
func ExampleInspectFSContext() {
	report, err := diffusion.InspectFSContext(context.Background(), tinyscenes.FS, ".", nil)
	// or diffusion.Inspect("v1-5-pruned.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Name, "predicts", report.Prediction)
	for _, part := range report.Parts {
		fmt.Println(part.Name, part.Tensors, part.DTypes)
	}
	fmt.Println(report.Count(diffusion.Unused), "unused,", len(report.Missing), "missing")
	// Output:
	// Stable Diffusion 1 predicts epsilon
	// text_encoder 36 map[F16:36]
	// unet 326 map[F16:326]
	// vae 184 map[F16:184]
	// 0 unused, 0 missing
}
