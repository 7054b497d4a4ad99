package main

import (
	"context"
	"image/png"
	"log"
	"os"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
)

func main() {
	// A model in a folder: diffusion.Load("stable-diffusion-v1-5", nil)
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pipe.Close()

	result, err := pipe.TextToImage(context.Background(), "a blue boat on the sea at sunset", &diffusion.Options{
		Steps:    tinyscenes.Steps,
		Guidance: tinyscenes.Guidance,
		Seed:     1,
	})
	if err != nil {
		log.Fatal(err)
	}

	file, err := os.Create("boat.png")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	if err := png.Encode(file, result.Images[0]); err != nil {
		log.Fatal(err)
	}
}
