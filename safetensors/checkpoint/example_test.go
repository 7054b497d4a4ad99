package checkpoint_test

import (
	"context"
	"fmt"
	"log"

	"gorgonia.org/tensor"

	"sdgo/examples/tinyscenes"
	"sdgo/safetensors/checkpoint"
	"sdgo/unet"
)

// A low-rank adaptation of one layer, merged while the U-Net is loaded. For a whole
// pipeline the same goes in LoadOptions.Overlay of package diffusion.
func ExampleOverlay() {
	ctx := context.Background()
	src, err := unet.Open(ctx, tinyscenes.FS, "unet", "")
	if err != nil {
		log.Fatal(err)
	}
	const layer = "mid_block.attentions.0.transformer_blocks.0.attn2.to_q.weight"
	shape, dtype, _ := src.Tensor(layer)
	fmt.Println(shape, dtype)

	const rank = 4
	up := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape[0], rank))
	down := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(rank, shape[1]))
	over := checkpoint.NewOverlay(src)
	if err := over.AddLowRank(layer, up, down, 0.8); err != nil {
		log.Fatal(err)
	}
	u, err := unet.LoadFrom(ctx, over, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer u.Close()
	fmt.Println(u.Config.InChannels, "channels")
	// Output:
	// [128 128] F16
	// 4 channels
}
