package kernel

// Copy sets out to what x begins with, or x to what out begins with. They must not overlap.
func Copy(out, x []float32) Phase {
	n := min(len(out), len(x))
	return splitRows(n, 1, func(from, to int) { copy(out[from:to], x[from:to]) })
}

// Concat joins the channels of a [rows ca] and b [rows cb] to out [rows ca+cb].
func Concat(out []float32, rows int, a []float32, ca int, b []float32, cb int) Phase {
	c := ca + cb
	need("concat", "out", out, rows*c)
	need("concat", "a", a, rows*ca)
	need("concat", "b", b, rows*cb)
	return splitRows(rows, c, func(from, to int) {
		for r := from; r < to; r++ {
			row := out[r*c:][:c]
			copy(row[:ca], a[r*ca:])
			copy(row[ca:], b[r*cb:])
		}
	})
}

// ToChannelsLast turns x [n c pixels] into out [n pixels c].
func ToChannelsLast(out, x []float32, n, c, pixels int) Phase {
	need("to channels last", "out", out, n*c*pixels)
	need("to channels last", "x", x, n*c*pixels)
	return splitRows(n*pixels, c, func(from, to int) {
		for r := from; r < to; r++ {
			sample := x[r/pixels*pixels*c:]
			for i, at := 0, r%pixels; i < c; i, at = i+1, at+pixels {
				out[r*c+i] = sample[at]
			}
		}
	})
}

// ToChannelsFirst turns x [n pixels c] into out [n c pixels].
func ToChannelsFirst(out, x []float32, n, c, pixels int) Phase {
	need("to channels first", "out", out, n*c*pixels)
	need("to channels first", "x", x, n*c*pixels)
	return splitRows(n*pixels, c, func(from, to int) {
		for r := from; r < to; r++ {
			sample := out[r/pixels*pixels*c:]
			for i, at := 0, r%pixels; i < c; i, at = i+1, at+pixels {
				sample[at] = x[r*c+i]
			}
		}
	})
}

// Upsample enlarges x [n h w c] to out [n outH outW c] by repeating the nearest
// pixel to the upper left: row y comes from row ⌊y·h/outH⌋.
func Upsample(out, x []float32, n, h, w, c, outH, outW int) Phase {
	need("upsample", "out", out, n*outH*outW*c)
	need("upsample", "x", x, n*h*w*c)
	return splitRows(n*outH, outW*c, func(from, to int) {
		for r := from; r < to; r++ {
			sample, y := r/outH, r%outH*h/outH
			src, dst := x[(sample*h+y)*w*c:][:w*c], out[r*outW*c:][:outW*c]
			for i := range outW {
				copy(dst[i*c:][:c], src[i*w/outW*c:])
			}
		}
	})
}

// Gather takes one token of each sample: x [n tokens d], out[i] = x[i, rows[i]].
// The rows [n] are whole numbers in 0..tokens-1.
func Gather(out, x []float32, rows []float32, n, tokens, d int) Phase {
	need("gather", "out", out, n*d)
	need("gather", "x", x, n*tokens*d)
	need("gather", "rows", rows, n)
	return splitRows(n, d, func(from, to int) {
		for i := from; i < to; i++ {
			token := wholeNumber(rows[i], tokens, "kernel: gather: row out of range")
			copy(out[i*d:][:d], x[(i*tokens+token)*d:])
		}
	})
}

// wholeNumber is x as an index below limit.
func wholeNumber(x float32, limit int, message string) int {
	if !(x >= 0 && x < float32(limit)) || x != float32(int(x)) {
		panic(message)
	}
	return int(x)
}
