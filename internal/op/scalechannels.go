package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
)

// scaleChannels multiplies each channel by a number of its own.
type scaleChannels struct{ pixels, c int }

// ScaleChannels multiplies every pixel of x [... C] by scale [C].
func ScaleChannels(x, scale *G.Node) (*G.Node, error) {
	s := x.Shape()
	c := s[len(s)-1]
	if err := checkShape("scaleChannels", "scale", scale, c); err != nil {
		return nil, err
	}
	return apply(scaleChannels{s.TotalSize() / c, c}, s.Clone(), x, scale)
}

func (k scaleChannels) String() string     { return fmt.Sprintf("scaleChannels %d×%d", k.pixels, k.c) }
func (k scaleChannels) Work() int          { return 0 }
func (k scaleChannels) Cost() Cost         { return elementwise }
func (k scaleChannels) InPlace(i int) bool { return i == 0 }

func (k scaleChannels) Derive(in []*G.Node, d *G.Node) ([]*G.Node, error) {
	var g grad
	dx := g.do(func() (*G.Node, error) { return ScaleChannels(d, in[1]) })
	return []*G.Node{dx, g.SumRows(g.Multiply(d, in[0]))}, g.err
}

func (k scaleChannels) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.ScaleChannels(out, in[0].Data, in[1].Data, k.pixels, k.c)}
}
