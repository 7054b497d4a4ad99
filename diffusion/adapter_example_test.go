package diffusion_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"testing/fstest"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/safetensors"
)

// A LoRA for one call, twice as strong in the noisiest steps and without effect in the
// middle of the U-Net. Other calls of the pipeline do not see it.
func ExamplePipeline_LoadAdapter() {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pipe.Close()
	style, err := pipe.LoadAdapterFS(loraFile(), "style.safetensors") // or pipe.LoadAdapter("style.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	defer style.Close()
	style = style.Blocks(map[string]float64{"mid_block": 0}).Steps(func(step, steps int) float64 {
		return 2 - float64(step)/float64(steps)
	})
	draw := func(adapters []diffusion.Adapter) []byte {
		result, err := pipe.TextToImage(context.Background(), "a red house", &diffusion.Options{Steps: 2, Width: 32, Height: 32, Adapters: adapters})
		if err != nil {
			log.Fatal(err)
		}
		return result.Images[0].Pix
	}
	before := draw(nil)
	with := draw([]diffusion.Adapter{{style, 0.8}})
	fmt.Println(bytes.Equal(before, with), bytes.Equal(before, draw(nil)))
	// Output: false true
}

// loraFile is a LoRA of rank 1 for one layer.
func loraFile() fstest.MapFS {
	const layer = "lora_unet_up_blocks_0_resnets_0_conv_shortcut"
	down, up := make([]float32, 256), make([]float32, 128)
	for i := range down {
		down[i] = 0.02
	}
	for i := range up {
		up[i] = 0.5
	}
	var tensors []safetensors.Tensor
	for name, x := range map[string][]float32{layer + ".lora_down.weight": down, layer + ".lora_up.weight": up} {
		shape := []int{1, len(x), 1, 1}
		if len(x) == len(up) {
			shape = []int{len(x), 1, 1, 1}
		}
		t, err := safetensors.NewFloat32(name, shape, x)
		if err != nil {
			log.Fatal(err)
		}
		tensors = append(tensors, t)
	}
	var file bytes.Buffer
	if err := safetensors.Write(&file, tensors, nil); err != nil {
		log.Fatal(err)
	}
	return fstest.MapFS{"style.safetensors": {Data: file.Bytes()}}
}
