package unet

import "fmt"

// Residuals are what a ControlNet adds to the U-Net (Zhang et al. 2023, section 3.1), as
// tensors or as nodes of a graph.
//
// https://arxiv.org/abs/2302.05543
type Residuals[T any] struct {
	Down []T // [N C H W] for each of the U-Net's Branches, conv_in's first, added where it enters the way up
	Mid  T   // [N C H W], added to the middle block's output
}

// residualInput is the name of a plan's input.
func residualInput(i int) string { return fmt.Sprintf("down_residual_%d", i) }

// residualShapes are those of the residuals for latents of a shape, Mid's last.
func residualShapes(u *UNet, latents dims) (shapes [][]int) {
	all, _ := residualFields(u, &Residuals[dims]{Down: make([]dims, len(u.downs))}, latents) // there is one for each skip
	for _, f := range all {
		shapes = append(shapes, f.shape)
	}
	return shapes
}

// residualFields returns the fields of the residuals for latents [n c h w], -1 standing
// for a size that is not known. There must be one for each skip; the middle block keeps
// the shape of the last.
func residualFields[T any](u *UNet, r *Residuals[T], latents dims) ([]field[T], error) {
	if have, want := len(r.Down), len(u.downs); have != want {
		return nil, fmt.Errorf("residuals: have %d for the way down, want %d", have, want)
	}
	n, h, w := latents[0], latents[2], latents[3]
	var f []field[T]
	for i, l := range u.downs {
		if h > 0 {
			h, w = l.size(h, w)
		}
		f = append(f, field[T]{name: residualInput(i), at: &r.Down[i], shape: []int{n, l.out, h, w}, needed: true})
	}
	return append(f, field[T]{name: "mid_residual", at: &r.Mid, shape: []int{n, u.downs[len(u.downs)-1].out, h, w}, needed: true}), nil
}
