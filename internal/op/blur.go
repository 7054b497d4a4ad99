package op

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// mix multiplies one dimension with a constant matrix: x is [rows n inner].
type mix struct {
	rows, n, inner int
	m              *mixing
}

// mixing is a matrix [n n] and its name. On a device there is a form of filters alone.
type mixing struct {
	name   string
	matrix []float32
	filter *device.Gaussian
}

// Blur blurs the tokens x [N H·W C] of an image with a Gaussian of deviation sigma, in
// tokens, as smoothed-energy guidance does with queries (Hong 2024): the filter reaches 3
// sigma to each side, or half of the image's side if that is less, and the image is
// mirrored at its borders. An infinite sigma gives every token the mean of all.
//
// https://arxiv.org/abs/2408.00760
func Blur(x *G.Node, h, w int, sigma float64) (*G.Node, error) {
	if err := checkRank("blur", x, 3); err != nil {
		return nil, err
	}
	n, c := x.Shape()[0], x.Shape()[2]
	if err := checkShape("blur", "x", x, n, h*w, c); err != nil {
		return nil, err
	}
	if !(sigma > 0) {
		return nil, fmt.Errorf("op: blur: have sigma %v, want more than 0", sigma)
	}
	down, err := apply(mix{n, h, w * c, gaussian(h, sigma)}, x.Shape().Clone(), x)
	if err != nil {
		return nil, err
	}
	return apply(mix{n * h, w, c, gaussian(w, sigma)}, x.Shape().Clone(), down)
}

// gaussian is the matrix that blurs a line of n tokens.
func gaussian(n int, sigma float64) *mixing {
	m := &mixing{fmt.Sprintf("blur by %v", sigma), make([]float32, n*n), &device.Gaussian{N: n, Sigma: sigma}}
	if math.IsInf(sigma, 1) {
		for i := range m.matrix {
			m.matrix[i] = float32(1 / float64(n))
		}
		return m
	}
	half := n / 2
	if reach := math.Ceil(6*sigma) / 2; reach < float64(half) {
		half = int(reach)
	}
	m.filter.Half = half
	taps, sum := make([]float64, 2*half+1), 0.0
	for i := range taps {
		at := float64(i-half) / sigma
		taps[i] = math.Exp(-0.5 * float64(at*at))
		sum += taps[i]
	}
	rows := make([]float64, n*n)
	for i := range n {
		for t, tap := range taps {
			rows[i*n+mirror(i+t-half, n)] += tap / sum
		}
	}
	for i, v := range rows {
		m.matrix[i] = float32(v)
	}
	return m
}

// mirror is where a place before or behind a line of n, by less than n, is seen in a
// mirror at its first or last place.
func mirror(i, n int) int {
	if i < 0 {
		return -i
	}
	return min(i, 2*(n-1)-i)
}

func (k mix) String() string { return fmt.Sprintf("%s %d×%d×%d", k.m.name, k.rows, k.n, k.inner) }
func (k mix) Work() int      { return 0 }
func (k mix) Cost() Cost {
	return Cost{Kind: "blur", FLOPs: 2 * float64(k.rows*k.n*k.inner) * float64(k.n), share: 0.02}
}

func (k mix) Derive(_ []*G.Node, d *G.Node) ([]*G.Node, error) {
	turned := &mixing{"adjoint of " + k.m.name, make([]float32, k.n*k.n), nil}
	for i := range k.n {
		for j := range k.n {
			turned.matrix[j*k.n+i] = k.m.matrix[i*k.n+j]
		}
	}
	dx, err := apply(mix{k.rows, k.n, k.inner, turned}, d.Shape().Clone(), d)
	return []*G.Node{dx}, err
}

// OnDevice implements Chooser.
func (k mix) OnDevice(device.Target) bool { return k.m.filter != nil }

// Launches implements Launcher.
func (k mix) Launches(t device.Target, out device.Ptr, in []device.Ptr, _ device.Ptr) []device.Launch {
	return k.m.filter.Blur(t, out, in[0], k.rows, k.inner)
}

func (k mix) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{kernel.Mix(out, in[0].Data, k.rows, k.n, k.inner, k.m.matrix)}
}
