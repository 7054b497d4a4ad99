package device

import "math"

// Modulate is x·(1 + scale) of x [n pixels c], plus shift if it is shifted, where by [n 2c]
// holds the scales of a sample's channels and then the shifts.
func Modulate(t Target, out, x, by Ptr, n, pixels, c int, shifted bool) []Launch {
	act := int32(0)
	if shifted {
		act = 1
	}
	return each("modulate", t, n*pixels*c, 2*n*(pixels+1)*c, []int{c}, func(v int) eachArgs {
		return eachArgs{a: x, b: by, out: out, act: act, x: uint32(c / v), y: uint32(pixels)}
	})
}

// ScaleChannels multiplies each pixel of x [pixels c] by scale [c], and adds shift [c] unless
// that is none. Both are float32s. If limit is not zero, scale is first clamped to it as by
// SoftClamp.
func ScaleChannels(t Target, out, x, scale, shift Ptr, pixels, c int, limit float32) []Launch {
	n, sizes := pixels*c, []int{c}
	if c == 1 && shift == 0 { // one number is for all
		c, sizes = 0, []int{n}
	}
	return each("scale_channels", t, n, 2*n, sizes, func(v int) eachArgs {
		return eachArgs{a: x, b: scale, c: shift, out: out, x: uint32(c / v), z: math.Float32bits(limit)}
	})
}

// ScaleFirst multiplies the first n of the c channels of x [rows c] by a factor.
func ScaleFirst(t Target, out, x Ptr, rows, c, n int, factor float32) []Launch {
	return each("scale_first", t, rows*c, 2*rows*c, []int{c, n}, func(v int) eachArgs {
		return eachArgs{a: x, out: out, x: uint32(c / v), y: uint32(n / v), z: math.Float32bits(factor)}
	})
}
