package kernel

// nearGELU32 is gelu32 for what is rounded to bfloat16 before it is used: x·Φ(x) with
//
//	Φ(x) = 1/2 + c·P(c²), c = min(max(x, -4.25), 4.25)
//
// and a minimax P that is exact at the ends, where Φ would not be 0 and 1 by 1.1e-5. The
// error is at most 1.4e-5·|x|, a hundredth of what rounding x to bfloat16 may change it
// by. There is neither an exponential nor a quotient.
func nearGELU32(x float32) float32 {
	if x < -nearGELUMax {
		x = -nearGELUMax
	}
	c := x
	if c > nearGELUMax {
		c = nearGELUMax
	}
	square := float32(c * c)
	p := fma32(nearGELUP8, square, nearGELUP7)
	p = fma32(p, square, nearGELUP6)
	p = fma32(p, square, nearGELUP5)
	p = fma32(p, square, nearGELUP4)
	p = fma32(p, square, nearGELUP3)
	p = fma32(p, square, nearGELUP2)
	p = fma32(p, square, nearGELUP1)
	p = fma32(p, square, nearGELUP0)
	return x * fma32(c, p, 0.5)
}

const (
	nearGELUMax = 4.25

	nearGELUP0 = 0.39893778
	nearGELUP1 = -0.066411346
	nearGELUP2 = 0.009858477
	nearGELUP3 = -0.0011215243
	nearGELUP4 = 9.559403e-05
	nearGELUP5 = -5.8383143e-06
	nearGELUP6 = 2.3747948e-07
	nearGELUP7 = -5.6884724e-09
	nearGELUP8 = 6.0172964e-11
)
