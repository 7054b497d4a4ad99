package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// layerNorm is layer normalisation (Ba et al. 2016) over the last dimension.
//
// https://arxiv.org/abs/1607.06450
type layerNorm struct {
	rows, d  int
	eps      float64
	rounding rounding
}

// LayerNorm normalises each row of x [... D], then scales by gamma [D] and
// shifts by beta [D].
func LayerNorm(x, gamma, beta *G.Node, eps float64) (*G.Node, error) {
	shape := x.Shape()
	d := shape[len(shape)-1]
	if err := checkAffine("layernorm", gamma, beta, d); err != nil {
		return nil, err
	}
	return apply(layerNorm{rows: shape.TotalSize() / d, d: d, eps: eps}, shape.Clone(), x, gamma, beta)
}

func (k layerNorm) String() string     { return fmt.Sprintf("layernorm %d×%d%v", k.rows, k.d, k.rounding) }
func (k layerNorm) Work() int          { return 0 }
func (k layerNorm) Cost() Cost         { return normalising }
func (k layerNorm) InPlace(i int) bool { return i == 0 && !k.rounding.to }

func (k layerNorm) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	return deriveNorm(normalize{kernel.NormShape{N: k.rows, Pixels: 1, C: k.d, Groups: 1}, k.eps}, in, d)
}

// Floats implements Floater.
func (k layerNorm) Floats(i int) bool { return i > 0 }

// Launches implements Launcher.
func (k layerNorm) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.LayerNorm(t, out, in[0], in[1], in[2], k.rows, k.d, k.eps)
}

func (k layerNorm) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	if k.rounding.to {
		return []kernel.Phase{kernel.LayerNormRounded(out, in[0].Data, k.rows, k.d, in[1].Data, in[2].Data, k.eps)}
	}
	return []kernel.Phase{kernel.LayerNorm(out, in[0].Data, k.rows, k.d, in[1].Data, in[2].Data, k.eps)}
}
