//go:build (amd64 || arm64) && !purego

package kernel

// sumChannels adds to sums and squares: see sumChannelsGeneric.
func sumChannels(sums, squares []float64, x []float32, c int) {
	squares = squares[:len(sums)]
	n, pixels := assembled(len(sums)), (len(x)+c-len(sums))/c
	if pixels == 0 {
		return
	}
	if n > 0 {
		sumChannelsWhole(&sums[0], &squares[0], &x[0], n, pixels, c)
	}
	if n < len(sums) {
		sumChannelsGeneric(sums[n:], squares[n:], x[n:], c)
	}
}

// normaliseRows is out = act((x - mean)·scale + shift). out may be x.
func normaliseRows(out, x []float32, c int, p affine, act Activation) {
	if isa == isaGeneric {
		normaliseRowsGeneric(out, x, c, p, act)
		return
	}
	out = out[:len(x)]
	fused := act == SiLU
	n := whole(c)
	if n > 0 {
		normaliseWhole(&out[0], &x[0], p, n, len(x)/c, c, fused)
	}
	if n < c {
		rest := affine{p.mean[n:], p.scale[n:], p.shift[n:]}
		for from := n; from < len(x); from += c {
			row := pad(x[from:][:c-n])
			normaliseWhole(&row[0], &row[0], rest, lanes, 1, lanes, fused)
			copy(out[from:][:c-n], row[:])
		}
	}
	if act != None && !fused {
		activate(out, out, act)
	}
}

// sumRow returns the sum of x and of its squares.
func sumRow(x []float32) (sum, squares float64) {
	var l rowSums
	n := assembled(len(x))
	if n > 0 {
		sumRowWhole(&l, &x[0], n)
	}
	l.add(x[n:])
	return l.fold()
}

// normaliseRow is out = ((x - mean)·scale + shift)·gamma + beta. out may be x.
func normaliseRow(out, x []float32, mean, scale, shift float32, gamma, beta []float32) {
	if isa == isaGeneric {
		normaliseRowGeneric(out, x, mean, scale, shift, gamma, beta)
		return
	}
	out, gamma, beta = out[:len(x)], gamma[:len(x)], beta[:len(x)]
	n := whole(len(x))
	if n > 0 {
		normaliseRowWhole(&out[0], &x[0], &gamma[0], &beta[0], n, mean, scale, shift)
	}
	if n < len(x) {
		rest, restGamma, restBeta := pad(x[n:]), pad(gamma[n:]), pad(beta[n:])
		normaliseRowWhole(&rest[0], &rest[0], &restGamma[0], &restBeta[0], lanes, mean, scale, shift)
		copy(out[n:], rest[:])
	}
}
