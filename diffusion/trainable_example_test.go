package diffusion_test

import (
	"fmt"
	"log"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
	"sdgo/unet"
)

// One step of gorgonia's Adam on a cross-attention weight of the U-Net, as fine-tuning
// takes it: the loss of the noise that the U-Net predicts gets smaller.
func ExampleTrainable() {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pipe.Close()

	const n, h, w = 1, 8, 8
	r := rand.New(rand.NewPCG(3, 4))
	g := G.NewGraph()
	in := unet.Nodes{
		Latents:   input(g, r, "latents", n, 4, h, w),
		Timesteps: input(g, r, "timesteps", n),
		Cond:      unet.Text(input(g, r, "cond", n, 77, pipe.TextEncoder.Config.HiddenSize)),
	}
	G.Let(in.Timesteps, tensor.New(tensor.WithBacking([]float32{500})))
	noise := input(g, r, "noise", n, 4, h, w)
	prediction, err := pipe.UNet.Build(g, in)
	if err != nil {
		log.Fatal(err)
	}
	loss := G.Must(G.Mean(G.Must(G.Square(G.Must(G.Sub(prediction, noise))))))
	weight := pipe.UNet.WeightNodes(g)["mid_block.attentions.0.transformer_blocks.0.attn2.to_v.weight"]
	if err := diffusion.Trainable(weight); err != nil {
		log.Fatal(err)
	}
	if _, err := G.Grad(loss, weight); err != nil {
		log.Fatal(err)
	}

	machine, err := diffusion.NewMachine([]*G.Node{in.Latents, in.Timesteps, in.Cond.Tokens, noise}, []*G.Node{loss, weight.Deriv()})
	if err != nil {
		log.Fatal(err)
	}
	defer machine.Close()
	if err := machine.RunAll(); err != nil {
		log.Fatal(err)
	}
	before := loss.Value().Data().(float32)
	if err := G.NewAdamSolver(G.WithLearnRate(0.01)).Step([]G.ValueGrad{weight}); err != nil {
		log.Fatal(err)
	}
	if err := machine.RunAll(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("smaller after one step:", loss.Value().Data().(float32) < before)
	// Output: smaller after one step: true
}
