package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// slice takes a part of one dimension, and pad puts it between zeros again: x is [rows
// size inner], of which n from first on are taken.
type (
	slice struct{ rows, size, inner, axis, first, n int }
	pad   slice
)

// Slice returns n places of a dimension of x, from first on.
func Slice(x *G.Node, axis, first, n int) (*G.Node, error) {
	shape := x.Shape().Clone()
	if axis < 0 || axis >= len(shape) || first < 0 || n < 1 || n > shape[axis]-first {
		return nil, fmt.Errorf("op: slice: have x %v, want places %d to %d of dimension %d", []int(shape), first, first+n, axis)
	}
	k := slice{size: shape[axis], axis: axis, first: first, n: n}
	k.rows, k.inner = shape[:axis].TotalSize(), shape[axis+1:].TotalSize()
	shape[axis] = n
	return apply(k, shape, x)
}

// Pad returns x with zeros before and behind it in a dimension, which then has the
// given size; x is at first.
func Pad(x *G.Node, axis, first, size int) (*G.Node, error) {
	shape := x.Shape().Clone()
	if axis < 0 || axis >= len(shape) || first < 0 || shape[axis] > size-first {
		return nil, fmt.Errorf("op: pad: have x %v, want it to fit at %d into %d places of dimension %d", []int(shape), first, size, axis)
	}
	k := pad{size: size, axis: axis, first: first, n: shape[axis]}
	k.rows, k.inner = shape[:axis].TotalSize(), shape[axis+1:].TotalSize()
	shape[axis] = size
	return apply(k, shape, x)
}

func (k slice) String() string {
	return fmt.Sprintf("slice %d×%d×%d at %d, %d", k.rows, k.size, k.inner, k.first, k.n)
}
func (k pad) String() string {
	return fmt.Sprintf("pad %d×%d×%d at %d of %d", k.rows, k.n, k.inner, k.first, k.size)
}
func (k slice) Work() int  { return 0 }
func (k slice) Cost() Cost { return moving }
func (k pad) Work() int    { return 0 }
func (k pad) Cost() Cost   { return moving }

func (k slice) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := Pad(d, k.axis, k.first, k.size)
	return []*G.Node{dx}, err
}

func (k pad) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	dx, err := Slice(d, k.axis, k.first, k.n)
	return []*G.Node{dx}, err
}

// Launches implements Launcher.
func (k slice) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return device.Slice(t, out, in[0], k.rows, k.size*k.inner, k.first*k.inner, k.n*k.inner)
}

func (k slice) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Slice(out, in[0].Data, k.rows, k.size, k.inner, k.first, k.n)}
}

func (k pad) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Pad(out, in[0].Data, k.rows, k.size, k.inner, k.first, k.n)}
}
