//go:build !purego

package kernel

func activateWhole(dst, x *float32, n int, act Activation) {
	wide := isa == isaAVX512
	switch {
	case act == SiLU && wide:
		siluAVX512(dst, x, n)
	case act == SiLU:
		siluAVX2(dst, x, n)
	case act == GELU && wide:
		geluAVX512(dst, x, n)
	case act == GELU:
		geluAVX2(dst, x, n)
	case act == QuickGELU && wide:
		quickGELUAVX512(dst, x, n)
	case act == QuickGELU:
		quickGELUAVX2(dst, x, n)
	case act == ReLU && wide:
		reluAVX512(dst, x, n)
	case act == ReLU:
		reluAVX2(dst, x, n)
	default:
		panic("kernel: activate: unknown activation")
	}
}

func gegluWhole(dst, x, gate *float32, n int, near bool) {
	wide := isa == isaAVX512
	switch {
	case near && wide:
		nearGEGLUAVX512(dst, x, gate, n)
	case near:
		nearGEGLUAVX2(dst, x, gate, n)
	case wide:
		gegluAVX512(dst, x, gate, n)
	default:
		gegluAVX2(dst, x, gate, n)
	}
}

func softmaxLanes(s *float32, keys int, most, sum, rescale *float32) {
	if isa == isaAVX512 {
		softmaxColumnsAVX512(s, keys, most, sum, rescale)
	} else {
		softmaxColumnsAVX2(s, keys, most, sum, rescale)
	}
}

func scaleLanes(x *float32, rows int, f *float32) {
	if isa == isaAVX512 {
		scaleColumnsAVX512(x, rows, f)
	} else {
		scaleColumnsAVX2(x, rows, f)
	}
}

func addWhole(dst, a, b *float32, n int) {
	if isa == isaAVX512 {
		addAVX512(dst, a, b, n)
	} else {
		addAVX2(dst, a, b, n)
	}
}

func scaleWhole(dst, x *float32, n int, f float32) {
	if isa == isaAVX512 {
		scaleAVX512(dst, x, n, f)
	} else {
		scaleAVX2(dst, x, n, f)
	}
}
