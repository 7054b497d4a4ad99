//go:build (amd64 || arm64) && !purego

package kernel

// The compiler does not vectorise, and it has no instruction for fma32: the
// assembly is 5 to 100 times as fast as the plain code, with the same bytes.
//
// The assembly handles whole sixteens of elements. What is left over goes
// through it in a padded copy, or through the plain code where that is cheap.

// whole is the number of elements in whole sixteens.
func whole(n int) int { return n &^ (lanes - 1) }

// assembled is the number of elements of n that the assembly handles.
func assembled(n int) int {
	if isa == isaGeneric {
		return 0
	}
	return whole(n)
}

// padded is the rest of a row, in sixteen of its own.
type padded [lanes]float32

func pad(x []float32) (p padded) {
	copy(p[:], x)
	return p
}

// activate sets dst = act(x). dst may be x.
func activate(dst, x []float32, act Activation) {
	if isa == isaGeneric || act == None {
		activateGeneric(dst, x, act)
		return
	}
	dst = dst[:len(x)]
	n := whole(len(x))
	if n > 0 {
		activateWhole(&dst[0], &x[0], n, act)
	}
	if n < len(x) {
		rest := pad(x[n:])
		activateWhole(&rest[0], &rest[0], lanes, act)
		copy(dst[n:], rest[:])
	}
}

// gegluRow sets dst = x·gelu(gate), or nearly so: see nearGELU32.
func gegluRow(dst, x, gate []float32, near bool) {
	if isa == isaGeneric {
		gegluRowGeneric(dst, x, gate, near)
		return
	}
	dst, gate = dst[:len(x)], gate[:len(x)]
	n := whole(len(x))
	if n > 0 {
		gegluWhole(&dst[0], &x[0], &gate[0], n, near)
	}
	if n < len(x) {
		restX, restGate := pad(x[n:]), pad(gate[n:])
		gegluWhole(&restX[0], &restX[0], &restGate[0], lanes, near)
		copy(dst[n:], restX[:])
	}
}

// softmaxColumns is one round of the online softmax: see softmaxColumnsGeneric.
func softmaxColumns(s []float32, keys int, most, sum, rescale []float32) {
	if isa == isaGeneric || keys == 0 {
		softmaxColumnsGeneric(s, keys, most, sum, rescale)
		return
	}
	_, sum, rescale = s[:(keys-1)*panel+len(most)], sum[:len(most)], rescale[:len(most)]
	for i := 0; i+lanes <= len(most); i += lanes {
		softmaxLanes(&s[i], keys, &most[i], &sum[i], &rescale[i])
	}
}

// scaleColumns multiplies column i of x [rows][32] by f[i].
func scaleColumns(x []float32, rows int, f []float32) {
	if isa == isaGeneric || rows == 0 {
		scaleColumnsGeneric(x, rows, f)
		return
	}
	_ = x[:(rows-1)*panel+len(f)]
	for i := 0; i+lanes <= len(f); i += lanes {
		scaleLanes(&x[i], rows, &f[i])
	}
}

// addRow sets dst = a + b. dst may be a or b.
func addRow(dst, a, b []float32) {
	dst, b = dst[:len(a)], b[:len(a)]
	n := assembled(len(a))
	if n > 0 {
		addWhole(&dst[0], &a[0], &b[0], n)
	}
	addRowGeneric(dst[n:], a[n:], b[n:])
}

// scaleRow sets dst = f·x. dst may be x.
func scaleRow(dst, x []float32, f float32) {
	dst = dst[:len(x)]
	n := assembled(len(x))
	if n > 0 {
		scaleWhole(&dst[0], &x[0], n, f)
	}
	scaleRowGeneric(dst[n:], x[n:], f)
}
