package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/kernel"
)

// patches lists what the pixels of a convolution's output see of its input, and fold
// adds such patches up in their places.
type (
	patches struct{ s kernel.ConvShape }
	fold    patches
)

// patchesOf maps x [N H W C] to [N·OutH·OutW KH·KW·C], for the convolution s of x.
func patchesOf(x *G.Node, s kernel.ConvShape) (*G.Node, error) {
	if err := checkShape("patches", "x", x, s.N, s.H, s.W, s.InC); err != nil {
		return nil, err
	}
	return apply(patches{s}, tensor.Shape{s.N * s.OutH * s.OutW, s.KH * s.KW * s.InC}, x)
}

// foldOf maps patches x [N·OutH·OutW KH·KW·C] to [N H W C], for the convolution s.
func foldOf(x *G.Node, s kernel.ConvShape) (*G.Node, error) {
	return apply(fold{s}, tensor.Shape{s.N, s.H, s.W, s.InC}, x)
}

func (k patches) String() string {
	return fmt.Sprintf("patches %d×%d/%d %d×%d×%d×%d", k.s.KH, k.s.KW, k.s.Stride, k.s.N, k.s.H, k.s.W, k.s.InC)
}
func (k fold) String() string { return "fold " + patches(k).String() }
func (k patches) Work() int   { return 0 }
func (k patches) Cost() Cost  { return moving }
func (k fold) Work() int      { return 0 }
func (k fold) Cost() Cost     { return moving }

func (k patches) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := foldOf(d, k.s)
	return []*G.Node{dx}, err
}

func (k fold) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := patchesOf(d, k.s)
	return []*G.Node{dx}, err
}

func (k patches) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Patches(out, in[0].Data, k.s)}
}

func (k fold) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Fold(out, in[0].Data, k.s)}
}
