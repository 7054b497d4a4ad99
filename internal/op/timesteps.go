package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/kernel"
)

// timesteps is the sinusoidal embedding of Vaswani et al. (2017), section 3.5,
// in the form of Ho et al. (2020).
//
// https://arxiv.org/abs/1706.03762
type timesteps struct {
	n, dim        int
	flipSinToCos  bool
	shift, period float64
}

// Timesteps maps times t [N] to [N dim]; flip puts the cosines first.
func Timesteps(t *G.Node, dim int, flip bool, shift float64) (*G.Node, error) {
	if err := checkRank("timesteps", t, 1); err != nil {
		return nil, err
	}
	n := t.Shape()[0]
	return apply(timesteps{n, dim, flip, shift, 10000}, tensor.Shape{n, dim}, t)
}

func (k timesteps) String() string { return fmt.Sprintf("timesteps %d→%d", k.n, k.dim) }
func (k timesteps) Work() int      { return 0 }
func (k timesteps) Cost() Cost     { return moving }

func (k timesteps) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dt, err := apply(timestepsDerivative(k), in[0].Shape().Clone(), in[0], d)
	return []*G.Node{dt}, err
}

// OnHost implements Hoster: times are few, and their sines want more than float32.
func (k timesteps) OnHost() {}

func (k timesteps) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Timesteps(out, in[0].Data, k.n, k.dim, k.flipSinToCos, k.shift, k.period)}
}

// timestepsDerivative is the derivative of timesteps by t, for inputs t and d.
type timestepsDerivative timesteps

func (k timestepsDerivative) String() string { return "derivative of " + timesteps(k).String() }
func (k timestepsDerivative) Work() int      { return 0 }
func (k timestepsDerivative) Cost() Cost     { return moving }

func (k timestepsDerivative) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.TimestepsDerivative(out, in[0].Data, in[1].Data, k.n, k.dim, k.flipSinToCos, k.shift, k.period)}
}
