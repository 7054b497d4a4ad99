package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
)

// groupNormGiven is group normalisation of some pixels of an image by the statistics of
// the whole image.
type groupNormGiven struct {
	s   kernel.NormShape // of the whole image
	n   int              // numbers of those pixels
	eps float64
	act kernel.Activation
}

// GroupNormGiven is [GroupNorm] of x [1 ... C], which is a part of an image of so many
// pixels, with the image's statistics as kernel.NormSums gives them.
func GroupNormGiven(x, gamma, beta, statistics *G.Node, pixels, groups int, eps float64) (*G.Node, error) {
	shape := x.Shape()
	if len(shape) < 3 || shape[0] != 1 {
		return nil, fmt.Errorf("op: groupnorm: have x %v, want [1 ... C]", []int(shape))
	}
	c := shape[len(shape)-1]
	if groups < 1 || c%groups != 0 {
		return nil, fmt.Errorf("op: groupnorm: have %d channels, want a multiple of the %d groups", c, groups)
	}
	if err := checkAffine("groupnorm", gamma, beta, c); err != nil {
		return nil, err
	}
	k := groupNormGiven{s: kernel.NormShape{N: 1, Pixels: pixels, C: c, Groups: groups}, n: shape.TotalSize(), eps: eps}
	if err := checkShape("groupnorm", "statistics", statistics, kernel.GroupNormWork(k.s)); err != nil {
		return nil, err
	}
	return apply(k, shape.Clone(), x, gamma, beta, statistics)
}

func (k groupNormGiven) String() string {
	return fmt.Sprintf("groupnorm of %d in %v act %v", k.n, k.s, k.act)
}
func (k groupNormGiven) Work() int          { return 0 }
func (k groupNormGiven) Cost() Cost         { return normalising }
func (k groupNormGiven) InPlace(i int) bool { return i == 0 }

func (k groupNormGiven) Fuse(_ Target, next Operation, _ int) (Operation, bool) {
	a, ok := next.(activation)
	if !ok || k.act != kernel.None {
		return nil, false
	}
	k.act = a.act
	return k, true
}

func (k groupNormGiven) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.GroupNormGiven(out, in[0].Data, k.s, in[1].Data, in[2].Data, k.eps, k.act, in[3].Data)}
}
