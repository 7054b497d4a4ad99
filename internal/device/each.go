package device

import "math"

// eachArgs is EachArgs of each.cu.
type eachArgs struct {
	a, b, c, out     Ptr
	n                uint32
	act              int32
	x, y, z, w, s, _ uint32
}

// each launches a kernel with a thread for each of n numbers, or for four of them where
// all of sizes are whole fours. It moves so many numbers.
func each(name string, t Target, n, moved int, sizes []int, args func(v int) eachArgs) []Launch {
	v := 4
	for _, s := range sizes {
		if s%4 != 0 {
			v = 1
		}
	}
	if v == 4 {
		name += "4"
	}
	a := args(v)
	a.n = uint32(n / v)
	return []Launch{launch(name, t.Type, [3]int{ceil(n/v, 256), 1, 1}, 0, a).moves(moved * t.Type.Size())}
}

// Activate applies act to n numbers.
func Activate(t Target, out, x Ptr, n int, act Activation) []Launch {
	return each("activate", t, n, 2*n, []int{n}, func(int) eachArgs { return eachArgs{a: x, out: out, act: int32(act)} })
}

// Affine is scale·x + shift of n numbers.
func Affine(t Target, out, x Ptr, n int, scale, shift float32) []Launch {
	return each("affine", t, n, 2*n, []int{n}, func(int) eachArgs {
		return eachArgs{a: x, out: out, x: math.Float32bits(scale), y: math.Float32bits(shift)}
	})
}

// SoftClamp is limit·tanh(x/limit) of n numbers.
func SoftClamp(t Target, out, x Ptr, n int, limit float32) []Launch {
	return each("soft_clamp", t, n, 2*n, []int{n}, func(int) eachArgs { return eachArgs{a: x, out: out, x: math.Float32bits(limit)} })
}

// Add adds n numbers to as many.
func Add(t Target, out, a, b Ptr, n int) []Launch {
	return each("add", t, n, 3*n, []int{n}, func(int) eachArgs { return eachArgs{a: a, b: b, out: out} })
}

// AddPerChannel adds b [N C] to a [N pixels C].
func AddPerChannel(t Target, out, a, b Ptr, n, pixels, c int) []Launch {
	return each("add_channel", t, n*pixels*c, (2*pixels+1)*n*c, []int{c}, func(v int) eachArgs {
		return eachArgs{a: a, b: b, out: out, x: uint32(c / v), y: uint32(pixels)}
	})
}

// GEGLU maps x [rows 2·inner] to [rows inner].
func GEGLU(t Target, out, x Ptr, rows, inner int) []Launch {
	return each("geglu", t, rows*inner, 3*rows*inner, []int{inner}, func(v int) eachArgs {
		return eachArgs{a: x, out: out, x: uint32(inner / v)}
	})
}

// Concat joins rows of a and b numbers.
func Concat(t Target, out, a, b Ptr, rows, na, nb int) []Launch {
	return each("concat", t, rows*(na+nb), 2*rows*(na+nb), []int{na, nb}, func(v int) eachArgs {
		return eachArgs{a: a, b: b, out: out, x: uint32(na / v), y: uint32(nb / v)}
	})
}

// Upsample enlarges x [n h w c] by nearest neighbour.
func Upsample(t Target, out, x Ptr, n, h, w, c, outH, outW int) []Launch {
	return each("upsample", t, n*outH*outW*c, n*(h*w+outH*outW)*c, []int{c}, func(v int) eachArgs {
		return eachArgs{a: x, out: out, x: uint32(h), y: uint32(w), z: uint32(c / v), w: uint32(outH), s: uint32(outW)}
	})
}

// Embed looks ids, float32s, up in a table [vocab d], and adds positions [tokens d] or
// none.
func Embed(t Target, out, ids, table, positions Ptr, rows, vocab, d, tokens int) []Launch {
	return each("embed", t, rows*d, 3*rows*d, []int{d}, func(v int) eachArgs {
		return eachArgs{a: ids, b: table, c: positions, out: out, x: uint32(d / v), y: uint32(tokens), z: uint32(vocab)}
	})
}

// Gather picks row rows[i], a float32, of each sample of x [n tokens d].
func Gather(t Target, out, x, rows Ptr, n, tokens, d int) []Launch {
	return each("gather", t, n*d, 2*n*d, []int{d}, func(v int) eachArgs {
		return eachArgs{a: x, b: rows, out: out, x: uint32(d / v), y: uint32(tokens)}
	})
}

// Transpose swaps the last two dimensions of x [n a b].
func Transpose(t Target, out, x Ptr, n, a, b int) []Launch {
	args := eachArgs{a: x, out: out, x: uint32(a), y: uint32(b)}
	return []Launch{launch("transpose", t.Type, [3]int{ceil(b, 32), ceil(a, 32), n}, 0, args).moves(2 * n * a * b * t.Type.Size())}
}

// Narrow converts n numbers from float32, and Widen to it.
func Narrow(t Target, out, x Ptr, n int) Launch {
	return launch("narrow", t.Type, [3]int{ceil(n, 256), 1, 1}, 0, eachArgs{a: x, out: out, n: uint32(n)}).moves(n * (4 + t.Type.Size()))
}

// Widen converts n numbers to float32.
func Widen(t Target, out, x Ptr, n int) Launch {
	return launch("widen", t.Type, [3]int{ceil(n, 256), 1, 1}, 0, eachArgs{a: x, out: out, n: uint32(n)}).moves(n * (4 + t.Type.Size()))
}

// Copy moves n numbers.
func Copy(t Target, out, x Ptr, n int) Launch { return Activate(t, out, x, n, None)[0] }
