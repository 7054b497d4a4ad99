package ipadapter

import (
	"context"
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
	"sdgo/internal/model"
	"sdgo/internal/nn"
	"sdgo/safetensors/checkpoint"
)

// Adapter is an IP-Adapter in memory. It is safe for concurrent use.
type Adapter struct {
	About

	model   *model.Model
	project projection
	layers  []layer
}

// projection makes tokens [1 T D] of what is known of a picture.
type projection interface {
	forward(g *nn.Graph, x *G.Node) *G.Node
}

// layer is what an adapter has for one attention.
type layer struct{ k, v *nn.Linear }

// Load loads an adapter from a checkpoint, which it closes.
func Load(ctx context.Context, src checkpoint.Source, o model.LoadOptions) (*Adapter, error) {
	about, err := Describe(src)
	if err != nil {
		src.Close()
		return nil, err
	}
	a := &Adapter{About: *about}
	if a.model, err = model.Load(ctx, "ip-adapter", src, o, a.define); err != nil {
		return nil, err
	}
	return a, nil
}

// define asks for the weights.
func (a *Adapter) define(_ []byte, p *nn.Params) error {
	p.Limit(kernel.BFloat16)
	at := p.At(imageProj)
	switch a.Kind {
	case Plain:
		a.project = newPlain(at, &a.About)
	case Full:
		a.project = newFull(at, &a.About)
	case Plus:
		a.project = newResampler(at, &a.About)
	}
	for i, width := range a.Widths {
		at := p.At(ipAdapter+".%d", 2*i+1) // self-attentions are numbered, too
		a.layers = append(a.layers, layer{at.LinearNoBias("to_k_ip", a.Cross, width), at.LinearNoBias("to_v_ip", a.Cross, width)})
	}
	return nil
}

// Close waits for calls in flight and gives the memory back.
func (a *Adapter) Close() error { return a.model.Close() }

// TokensOf is how many tokens the adapter makes of a picture that has n.
func (a *Adapter) TokensOf(n int) int {
	if a.Tokens == 0 {
		return n
	}
	return a.Tokens
}

// Projected are keys and values [T C] for each attention.
type Projected struct{ Keys, Values [][]float32 }

const pictureInput = "picture"

// Project returns the keys and values of a picture: of its embedding [D], or of the n
// tokens [n D] that it has.
func (a *Adapter) Project(ctx context.Context, x []float32, n int) (*Projected, error) {
	out := &Projected{}
	var all [][]float32
	for _, width := range a.Widths {
		k, v := make([]float32, a.TokensOf(n)*width), make([]float32, a.TokensOf(n)*width)
		out.Keys, out.Values = append(out.Keys, k), append(out.Values, v)
		all = append(all, k, v)
	}
	if have, want := len(x), a.numbers(n); have != want {
		return nil, fmt.Errorf("ip-adapter: have %d numbers of a picture, want %d", have, want)
	}
	if err := a.model.Run(ctx, n, a.build(n), model.Inputs{pictureInput: x}, all); err != nil {
		return nil, err
	}
	return out, nil
}

// Values returns the bytes of intermediate values of projecting a picture of n tokens.
func (a *Adapter) Values(n int) (int64, error) { return a.model.Values(n, a.build(n)) }

// numbers is how many are read of a picture that has n tokens.
func (a *Adapter) numbers(n int) int {
	if a.Embedding() {
		return a.In
	}
	return n * a.In
}

// build makes the graph for a picture of n tokens.
func (a *Adapter) build(n int) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := a.model.Graph()
		shape := []int{1, n, a.In}
		if a.Embedding() {
			shape = []int{1, a.In}
		}
		x := g.Input(pictureInput, shape...)
		tokens := a.project.forward(g, x)
		for _, l := range a.layers {
			outputs = append(outputs, l.k.Forward(g, tokens), l.v.Forward(g, tokens))
		}
		return []*G.Node{x}, outputs, g.Err()
	}
}
