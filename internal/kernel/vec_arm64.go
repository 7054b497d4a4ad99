//go:build !purego

package kernel

func activateWhole(dst, x *float32, n int, act Activation) {
	switch act {
	case SiLU:
		siluNEON(dst, x, n)
	case GELU:
		geluNEON(dst, x, n)
	case QuickGELU:
		quickGELUNEON(dst, x, n)
	case ReLU:
		reluNEON(dst, x, n)
	default:
		panic("kernel: activate: unknown activation")
	}
}

func gegluWhole(dst, x, gate *float32, n int, near bool) {
	if near {
		nearGEGLUNEON(dst, x, gate, n)
	} else {
		gegluNEON(dst, x, gate, n)
	}
}

func softmaxLanes(s *float32, keys int, most, sum, rescale *float32) {
	softmaxColumnsNEON(s, keys, most, sum, rescale)
}

func scaleLanes(x *float32, rows int, f *float32) { scaleColumnsNEON(x, rows, f) }

func addWhole(dst, a, b *float32, n int) { addNEON(dst, a, b, n) }

func scaleWhole(dst, x *float32, n int, f float32) { scaleNEON(dst, x, n, f) }
