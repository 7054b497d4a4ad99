package adapter

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"
)

// Target is a module of a model that an adapter may change: a layer, or a norm.
type Target struct {
	Part   string // unet, text_encoder or text_encoder_2
	Module string // in diffusers' names
	Key    string // of its weight
	Weight []int  // its shape: [out in], [out in KH KW], or [C] of a norm
	Bias   string // the key of its bias, or ""
}

// taps is the number of pixels of the weight's filter.
func (t *Target) taps() int { return t.width() / t.Weight[1] }

// width is how many numbers an output has.
func (t *Target) width() int { return tensor.Shape(t.Weight[1:]).TotalSize() }

// size is how many numbers the weight has.
func (t *Target) size() int { return t.Weight[0] * t.width() }

// Change is what an adapter makes of a module with weight W and bias b, for a weight s of
// the adapter: W + s·Scale·Δ and b + s·Bias, where Δ is either Up·Mid·Down, of which
// Mid may be nil, or Whole, or what Of says for W. With a Magnitude m what comes
// of W, V, is replaced by m·V/‖V‖ for each output, or each input (Liu et al. 2024,
// equation 5).
//
// https://arxiv.org/abs/2402.09353
type Change struct {
	Target
	Kind          string
	Scale         float64
	Down, Mid, Up *Tensor // as [r in·taps] and [out r], or with Mid [r r taps] as [r in]
	Whole         *Tensor
	Of            func(w []float32) []float32
	Magnitude     []float32
	OnInput       bool
	Bias          []float32
	Vector        []float32 // of a norm: what its weight changes by
}

// Rank is the rank of Up·Mid·Down, or 0.
func (c *Change) Rank() int {
	if c.Down == nil {
		return 0
	}
	return c.Down.rows()
}

// Delta returns Scale·Δ for the weight w, in w's order.
func (c *Change) Delta(w []float32) []float32 {
	var d []float32
	switch {
	case c.Of != nil:
		d = c.Of(w)
	case c.Whole != nil:
		d = append(d, c.Whole.Data...)
	case c.Up == nil:
		return nil
	default:
		d = c.lowRank()
	}
	if scale := float32(c.Scale); scale != 1 {
		for i := range d {
			d[i] *= scale
		}
	}
	return d
}

// lowRank is Up·Mid·Down.
func (c *Change) lowRank() []float32 {
	if c.Mid == nil {
		return product(c.Up.Data, c.Down.Data, c.Up.rows(), c.Rank(), c.Down.width())
	}
	return tucker(c.Mid, c.Up.Data, c.Down.Data, c.Weight[0], c.Weight[1])
}

// tucker returns [out in taps] of a core [a b taps], up [out a] and down [b in].
func tucker(core *Tensor, up, down []float32, out, in int) []float32 {
	a, b := core.Shape[0], core.Shape[1]
	taps := len(core.Data) / a / b
	d := make([]float32, out*in*taps)
	one := make([]float32, a*b) // the core of a tap
	for tap := range taps {
		for i := range one {
			one[i] = core.Data[i*taps+tap]
		}
		var x []float32
		if out*b <= a*in { // the smaller one is no larger than up or down
			x = product(product(up, one, out, a, b), down, out, b, in)
		} else {
			x = product(up, product(one, down, a, b, in), out, a, in)
		}
		for i, v := range x {
			d[i*taps+tap] = v
		}
	}
	return d
}

// Apply changes w, and bias, which may be nil, for the adapters' weights s, one for each
// change. What each changes it by depends on the weight that the model has, so that their
// order does not matter but for rounding.
func Apply(w, bias []float32, changes []*Change, s []float64) {
	base := append([]float32(nil), w...)
	for i, c := range changes {
		add(bias, c.Bias, s[i])
		add(w, c.Vector, s[i])
		d := c.Delta(base)
		if d == nil {
			continue
		}
		if c.Magnitude == nil {
			add(w, d, s[i])
			continue
		}
		for j := range d { // V
			d[j] = base[j] + float32(s[i])*d[j]
		}
		gain := c.gains(d)
		for j, v := range d {
			w[j] += gain[c.channel(j)]*v - base[j]
		}
	}
}

// add adds s·d to x, unless one is nil.
func add(x, d []float32, s float64) {
	if x == nil || d == nil {
		return
	}
	for i, v := range d {
		x[i] += float32(s) * v
	}
}

// channel is the output, or the input, of which the Magnitude is for number j of the
// weight.
func (c *Change) channel(j int) int {
	if c.OnInput {
		return j % c.width() / c.taps()
	}
	return j / c.width()
}

// gains are m/‖V‖.
func (c *Change) gains(v []float32) []float32 {
	squares := make([]float64, len(c.Magnitude))
	for j, x := range v {
		squares[c.channel(j)] += float64(x) * float64(x)
	}
	gains := make([]float32, len(squares))
	for i, m := range c.Magnitude {
		gains[i] = gain(m, squares[i])
	}
	return gains
}

// gain is m/‖V‖ for ‖V‖², and 1 where V is zero.
func gain(m float32, square float64) float32 {
	if square <= 0 {
		return 1
	}
	return float32(float64(m) / math.Sqrt(square))
}

// check wants a change that fits the weight.
func (c *Change) check() (*Change, error) {
	if c.Whole != nil && len(c.Whole.Data) != c.size() {
		return nil, fmt.Errorf("have a change of shape %v, want %v", c.Whole.Shape, c.Weight)
	}
	return c, nil
}
