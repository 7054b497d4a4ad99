package golden

import (
	"math"
	"testing"
)

// GradientTolerance is relative to a gradient's largest value: about ten times what
// float32 rounding makes of the reference's.
const GradientTolerance = 5e-5

// zeroGradient is below what rounding makes of a gradient that is mathematically zero,
// such as that of a key's bias, which moves all scores of a query alike.
const zeroGradient = 1e-6

// CloseGradients compares gradients by their names with those of a case: numbers of the
// tensors called d_<name>, and norm and sum of those that case.json lists as all_grads.
// It returns the largest error and how many gradients it compared.
func (c *Case) CloseGradients(t testing.TB, got map[string][]float32) (worst float64, compared int) {
	t.Helper()
	var info struct {
		AllGrads map[string][2]float64 `json:"all_grads"`
	}
	c.Decode(&info)
	for name, x := range got {
		want, listed := info.AllGrads[name]
		if listed {
			compareSums(t, want[0], want[1], x, name)
		}
		if c.Has("d_" + name) {
			if want := c.Float32s("d_" + name); largest(want) > zeroGradient {
				worst = max(worst, Close(t, want, x, GradientTolerance, name))
			} else if !(largest(x) <= zeroGradient) {
				t.Errorf("%s: have a gradient up to %g, want none above %g", name, largest(x), zeroGradient)
			}
		}
		if listed || c.Has("d_"+name) {
			compared++
		}
	}
	return worst, compared
}

// compareSums allows the norm and the sum of a gradient what its numbers may be off.
func compareSums(t testing.TB, norm, sum float64, x []float32, name string) {
	t.Helper()
	var squares, total float64
	for _, v := range x {
		squares += float64(v) * float64(v)
		total += float64(v)
	}
	if have := math.Sqrt(squares); !(math.Abs(have-norm) <= GradientTolerance*norm+zeroGradient) {
		t.Errorf("%s: norm: have %v, want %v", name, have, norm)
	}
	if !(math.Abs(total-sum) <= GradientTolerance*norm*math.Sqrt(float64(len(x)))+zeroGradient) {
		t.Errorf("%s: sum: have %v, want %v", name, total, sum)
	}
}

func largest(x []float32) float64 {
	most := 0.0
	for _, v := range x {
		most = max(most, math.Abs(float64(v)))
	}
	return most
}
