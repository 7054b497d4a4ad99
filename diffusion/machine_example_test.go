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

// input adds an input of normal numbers to a graph.
func input(g *G.ExprGraph, r *rand.Rand, name string, shape ...int) *G.Node {
	x := make([]float32, tensor.Shape(shape).TotalSize())
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name),
		G.WithValue(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(x))))
}

// A linear probe behind the U-Net: a matrix of gorgonia's own, trained to tell the
// noise in the latents from what the U-Net predicts of them. The U-Net's weights are
// not differentiated and cost nothing.
func ExampleNewMachine() {
	pipe, err := diffusion.LoadFS(tinyscenes.FS, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pipe.Close()

	const n, h, w = 2, 8, 8
	r := rand.New(rand.NewPCG(1, 2))
	g := G.NewGraph()
	in := unet.Nodes{
		Latents:   input(g, r, "latents", n, 4, h, w),
		Timesteps: input(g, r, "timesteps", n),
		Cond:      unet.Text(input(g, r, "cond", n, 77, pipe.TextEncoder.Config.HiddenSize)),
	}
	G.Let(in.Timesteps, tensor.New(tensor.WithBacking([]float32{900, 600})))
	prediction, err := pipe.UNet.Build(g, in) // [N 4 H W]
	if err != nil {
		log.Fatal(err)
	}
	features := G.Must(G.Reshape(prediction, tensor.Shape{n, 4 * h * w}))
	probe := G.NewMatrix(g, tensor.Float32, G.WithShape(4*h*w, 1), G.WithName("probe"), G.WithInit(G.Zeroes()))
	want := G.NewMatrix(g, tensor.Float32, G.WithShape(n, 1), G.WithName("want"),
		G.WithValue(tensor.New(tensor.WithShape(n, 1), tensor.WithBacking([]float32{1, -1}))))
	loss := G.Must(G.Mean(G.Must(G.Square(G.Must(G.Sub(G.Must(G.Mul(features, probe)), want))))))
	if _, err := G.Grad(loss, probe); err != nil {
		log.Fatal(err)
	}

	inputs := []*G.Node{in.Latents, in.Timesteps, in.Cond.Tokens}
	machine, err := diffusion.NewMachine(inputs, []*G.Node{loss, probe.Deriv()})
	if err != nil {
		log.Fatal(err)
	}
	defer machine.Close()
	solver := G.NewVanillaSolver(G.WithLearnRate(0.001))
	for step := range 31 {
		if err := machine.RunAll(); err != nil {
			log.Fatal(err)
		}
		if step%30 == 0 {
			fmt.Printf("step %d: loss below 0.01 is %v\n", step, loss.Value().Data().(float32) < 0.01)
		}
		if err := solver.Step([]G.ValueGrad{probe}); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// step 0: loss below 0.01 is false
	// step 30: loss below 0.01 is true
}
