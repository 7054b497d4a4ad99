package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/kernel"
)

// dilate puts zeros between the pixels of an image [n h w c], and subsample takes those
// pixels out of it again.
type (
	dilate    struct{ n, h, w, c, stride int }
	subsample dilate
)

// Dilate puts stride−1 zeros between the pixels of x [N H W C].
func Dilate(x *G.Node, stride int) (*G.Node, error) {
	if err := checkRank("dilate", x, 4); err != nil {
		return nil, err
	}
	if stride < 1 {
		return nil, fmt.Errorf("op: dilate: have a stride of %d, want 1 or more", stride)
	}
	s := x.Shape()
	return apply(dilate{s[0], s[1], s[2], s[3], stride}, tensor.Shape{s[0], (s[1]-1)*stride + 1, (s[2]-1)*stride + 1, s[3]}, x)
}

func (k dilate) String() string {
	return fmt.Sprintf("dilate %d×%d×%d×%d by %d", k.n, k.h, k.w, k.c, k.stride)
}
func (k subsample) String() string {
	return fmt.Sprintf("subsample %d×%d×%d×%d by %d", k.n, k.h, k.w, k.c, k.stride)
}
func (k dilate) Work() int     { return 0 }
func (k dilate) Cost() Cost    { return moving }
func (k subsample) Work() int  { return 0 }
func (k subsample) Cost() Cost { return moving }

func (k dilate) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := apply(subsample(k), tensor.Shape{k.n, k.h, k.w, k.c}, d)
	return []*G.Node{dx}, err
}

func (k subsample) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := Dilate(d, k.stride)
	return []*G.Node{dx}, err
}

func (k dilate) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Dilate(out, in[0].Data, k.n, k.h, k.w, k.c, k.stride)}
}

func (k subsample) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Subsample(out, in[0].Data, k.n, k.h, k.w, k.c, k.stride)}
}
