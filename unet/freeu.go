package unet

import (
	"cmp"
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// FreeU weighs what the way up joins, without training (Si et al. 2024): in its first two
// blocks the first half of the channels that come from below is made stronger, and of the
// skips the lowest frequencies weaker. It is diffusers' enable_freeu, without the scaling
// by the features' mean of FreeU's second version, which diffusers does not have.
//
// The authors take B1 1.5, B2 1.6, S1 0.9, S2 0.2 for Stable Diffusion 1, 1.4, 1.6, 0.9 and
// 0.2 for 2, and 1.3, 1.4, 0.9 and 0.2 for XL. The zero value changes nothing.
//
// https://arxiv.org/abs/2309.11497
type FreeU struct {
	// B1 and B2 multiply half of the channels from below in the first and the second
	// block of the way up. Zero means 1, which changes nothing.
	B1 float64 `json:"b1,omitzero"`
	B2 float64 `json:"b2,omitzero"`

	// S1 and S2 multiply the skips' lowest frequencies there. Zero means 1.
	S1 float64 `json:"s1,omitzero"`
	S2 float64 `json:"s2,omitzero"`
}

// maxFreeU is far above what makes pictures.
const maxFreeU = 100

// WithFreeU returns a U-Net that weighs its skips and shares the weights with u. Closing
// one closes both. The factors are 0 to 100.
func (u *UNet) WithFreeU(f FreeU) (*UNet, error) {
	if err := u.loaded(); err != nil {
		return nil, err
	}
	for _, factor := range []struct {
		name string
		at   *float64
	}{{"B1", &f.B1}, {"B2", &f.B2}, {"S1", &f.S1}, {"S2", &f.S2}} {
		if !(*factor.at >= 0 && *factor.at <= maxFreeU) {
			return nil, fmt.Errorf("unet: FreeU: have %s %v, want 0 to %d, 0 for 1", factor.name, *factor.at, maxFreeU)
		}
		if *factor.at == 1 {
			*factor.at = 0
		}
	}
	free := *u
	free.freeU = f
	return &free, nil
}

// at returns the factors of a block of the way up, counted from the lowest level.
func (f FreeU) at(block int) (backbone, skip float64) {
	switch block {
	case 0:
		return cmp.Or(f.B1, 1), cmp.Or(f.S1, 1)
	case 1:
		return cmp.Or(f.B2, 1), cmp.Or(f.S2, 1)
	}
	return 1, 1
}

// weigh changes what a block of the way up joins, each [N H W C]. In a U-Net without a
// middle the lowest skip is what comes from below; diffusers then scales both, as they
// share their memory.
func (f FreeU) weigh(g *nn.Graph, block int, x, skip *G.Node) (*G.Node, *G.Node) {
	b, s := f.at(block)
	same := x == skip
	if b != 1 {
		x = g.ScaleFirst(x, g.Shape(x)[3]/2, b)
	}
	if same {
		skip = x
	}
	if s != 1 {
		skip = g.ScaleLow(skip, s)
	}
	return x, skip
}
