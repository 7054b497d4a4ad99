package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
)

// normalize is group normalisation without scale and shift. Layer normalisation is the
// case of one group, whose samples are the rows.
type normalize struct {
	s   kernel.NormShape
	eps float64
}

// deriveNorm returns the derivatives of γ·normalize(x) + β by x, γ and β.
func deriveNorm(k normalize, in []*G.Node, d *G.Node) ([]*G.Node, error) {
	var g grad
	x, gamma := in[0], in[1]
	y := g.do(func() (*G.Node, error) { return apply(k, x.Shape().Clone(), x) })
	dy := g.do(func() (*G.Node, error) { return ScaleChannels(d, gamma) })
	dx := g.do(func() (*G.Node, error) { return apply(normDerivative(k), x.Shape().Clone(), x, dy) })
	return []*G.Node{dx, g.SumRows(g.Multiply(d, y)), g.SumRows(d)}, g.err
}

func (k normalize) String() string { return fmt.Sprintf("normalize %v", k.s) }
func (k normalize) Work() int      { return 0 }
func (k normalize) Cost() Cost     { return normalising }

func (k normalize) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := apply(normDerivative(k), in[0].Shape().Clone(), in[0], d)
	return []*G.Node{dx}, err
}

func (k normalize) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Normalize(out, in[0].Data, k.s, k.eps)}
}

// normDerivative is the derivative of normalize by x, for inputs x and d.
type normDerivative normalize

func (k normDerivative) String() string     { return "derivative of " + normalize(k).String() }
func (k normDerivative) Work() int          { return 0 }
func (k normDerivative) Cost() Cost         { return normalising }
func (k normDerivative) InPlace(i int) bool { return i == 1 }

func (k normDerivative) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.NormDerivative(out, in[0].Data, in[1].Data, k.s, k.eps)}
}

func checkAffine(name string, gamma, beta *G.Node, c int) error {
	if err := checkShape(name, "gamma", gamma, c); err != nil {
		return err
	}
	return checkShape(name, "beta", beta, c)
}
