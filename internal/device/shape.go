package device

// Slice takes n numbers of each row of size numbers, from first on.
func Slice(t Target, out, x Ptr, rows, size, first, n int) []Launch {
	return each("slice", t, rows*n, 2*rows*n, []int{size, first, n}, func(v int) eachArgs {
		return eachArgs{a: x, out: out, x: uint32(n / v), y: uint32(size / v), z: uint32(first / v)}
	})
}

// RepeatPixels gives each of the pixels of a sample its c numbers of x [n c].
func RepeatPixels(t Target, out, x Ptr, n, pixels, c int) []Launch {
	return each("repeat", t, n*pixels*c, n*(pixels+1)*c, []int{c}, func(v int) eachArgs {
		return eachArgs{a: x, out: out, x: uint32(c / v), y: uint32(pixels)}
	})
}

// Reverse turns rows of n numbers around.
func Reverse(t Target, out, x Ptr, rows, n int) []Launch {
	args := eachArgs{a: x, out: out, n: uint32(rows * n), x: uint32(n)}
	return []Launch{launch("reverse", t.Type, [3]int{ceil(rows*n, 256), 1, 1}, 0, args).moves(2 * rows * n * t.Type.Size())}
}

// PermuteDims is how many dimensions Permute takes at most.
const PermuteDims = 6

// permuteArgs is PermuteArgs of shape.cu.
type permuteArgs struct {
	a, out       Ptr
	n            uint32
	size, stride [PermuteDims]uint32
	_            uint32
}

// Permute puts the dimensions of x into another order: dimension i of the output is
// dimension axes[i] of x, which has the given shape.
func Permute(t Target, out, x Ptr, shape, axes []int) []Launch {
	args := permuteArgs{a: x, out: out, n: 1}
	strides := make([]int, len(shape)) // of x
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = int(args.n)
		args.n *= uint32(shape[i])
	}
	first := PermuteDims - len(axes)
	for i := range first {
		args.size[i] = 1
	}
	for i, a := range axes {
		args.size[first+i], args.stride[first+i] = uint32(shape[a]), uint32(strides[a])
	}
	n := int(args.n)
	return []Launch{launch("permute", t.Type, [3]int{ceil(n, 256), 1, 1}, 0, args).moves(2 * n * t.Type.Size())}
}

// surroundArgs is SurroundArgs of shape.cu.
type surroundArgs struct {
	a, out                                          Ptr
	n, c                                            uint32
	h, w, top, left, seenH, seenW, srcH, srcW, wrap uint32
	_                                               uint32
}

// Surround puts n images that a convolution reads into larger ones of h×w, without what
// pads them: zeros, or the image's other side to the left and right (x), or above and below
// (y).
func (i Image) Surround(t Target, out, src Ptr, n, h, w int, x, y bool) []Launch {
	args := surroundArgs{a: src, out: out, n: uint32(n * h * w * i.C), c: uint32(i.C), h: uint32(h), w: uint32(w),
		top: uint32(i.PadTop), left: uint32(i.PadLeft), seenH: uint32(i.H), seenW: uint32(i.W), srcH: uint32(i.SrcH), srcW: uint32(i.SrcW)}
	if x {
		args.wrap |= 1
	}
	if y {
		args.wrap |= 2
	}
	name := "surround"
	if i.C%4 == 0 {
		name, args.n, args.c = "surround4", args.n/4, args.c/4
	}
	moved := n * (h*w + i.SrcH*i.SrcW) * i.C * t.Type.Size()
	return []Launch{launch(name, t.Type, [3]int{ceil(int(args.n), 256), 1, 1}, 0, args).moves(moved)}
}
