package unet_test

import (
	"context"
	"fmt"
	"log"

	"gorgonia.org/tensor"

	"sdgo/examples/tinyscenes"
	"sdgo/unet"
)

// One prediction for two samples at once, of which each has its own time.
func Example() {
	u, err := unet.LoadFS(tinyscenes.FS, "unet", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer u.Close()
	prediction, err := u.Predict(context.Background(), unet.Input{
		Latents:   tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2, 4, 16, 16)),
		Timesteps: []float64{981, 1},
		Cond:      unet.Text(tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2, 77, 128))),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(prediction.Shape())

	_, err = u.Predict(context.Background(), unet.Input{
		Latents:   tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2, 5, 16, 16)),
		Timesteps: []float64{981},
	})
	fmt.Println(err)
	// Output:
	// (2, 4, 16, 16)
	// unet: latents: have shape [2 5 16 16], want [-1 4 -1 -1]
}

// The deep part of the network in every second call alone.
func ExampleUNet_Split() {
	u, err := unet.LoadFS(tinyscenes.FS, "unet", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer u.Close()
	branch, err := u.LevelBranch(1) // keep the top level
	if err != nil {
		log.Fatal(err)
	}
	split, err := u.Split(branch, 1, 16, 16, 77)
	if err != nil {
		log.Fatal(err)
	}
	defer split.Close()

	latents := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(1, 4, 16, 16))
	cond := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(1, 77, 128))
	feature := make([]float32, tensor.Shape(split.FeatureShape()).TotalSize())
	ctx := context.Background()
	for i, timestep := range []float64{981, 961, 941} {
		if err := split.Head(ctx, unet.Input{Latents: latents, Timesteps: []float64{timestep}, Cond: unet.Text(cond)}); err != nil {
			log.Fatal(err)
		}
		if i%2 == 0 {
			if err := split.Deep(ctx, feature); err != nil {
				log.Fatal(err)
			}
		}
		prediction, err := split.Tail(ctx, feature)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(timestep, prediction.Shape(), len(split.Skips()), split.FeatureShape())
	}
	// Output:
	// 981 (1, 4, 16, 16) 2 [1 16 16 96]
	// 961 (1, 4, 16, 16) 2 [1 16 16 96]
	// 941 (1, 4, 16, 16) 2 [1 16 16 96]
}
