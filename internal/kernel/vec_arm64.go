//go:build !purego

package kernel

import "math"

func activateWhole(dst, x *float32, n int, act Activation) {
	switch act {
	case SiLU:
		siluNEON(dst, x, n)
	case GELU:
		geluNEON(dst, x, n)
	case QuickGELU:
		quickGELUNEON(dst, x, n)
	default:
		panic("kernel: activate: unknown activation")
	}
}

func gegluWhole(dst, x, gate *float32, n int) { gegluNEON(dst, x, gate, n) }

// softmaxRow is one step of the online softmax: see softmaxRowGeneric.
func softmaxRow(s []float32, scale, max, sum float32) (newMax, newSum, rescale float32) {
	if isa == isaGeneric || len(s) == 0 {
		return softmaxRowGeneric(s, scale, max, sum)
	}
	n := whole(len(s))
	if n == len(s) {
		return softmaxRowNEON(&s[0], nil, n, 0, scale, max, sum)
	}
	// The padding is never the maximum and has weight zero; where it is not, with a
	// maximum of -Inf, the sum is NaN in any case.
	var tail padded
	for i := copy(tail[:], s[n:]); i < lanes; i++ {
		tail[i] = float32(math.Inf(-1))
	}
	newMax, newSum, rescale = softmaxRowNEON(&s[0], &tail[0], n, lanes, scale, max, sum)
	copy(s[n:], tail[:])
	return newMax, newSum, rescale
}

func addWhole(dst, a, b *float32, n int) { addNEON(dst, a, b, n) }

func scaleWhole(dst, x *float32, n int, f float32) { scaleNEON(dst, x, n, f) }
