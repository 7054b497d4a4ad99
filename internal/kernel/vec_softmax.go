package kernel

// lanes is the number of partial results of every reduction over a row:
// element i belongs to lane i%lanes, and the lanes combine in the order of
// [sumLanes]. It is one register of AVX-512, two of AVX2 and four
// of NEON.
const lanes = 16

// Softmax normalises each row of x [rows n]: out = exp(x) / Σ exp(x). out may
// be x.
func Softmax(out, x []float32, rows, n int) Phase {
	need("softmax", "out", out, rows*n)
	need("softmax", "x", x, rows*n)
	return splitRows(rows, n, func(from, to int) {
		for r := from; r < to; r++ {
			row := out[r*n:][:n]
			copy(row, x[r*n:][:n])
			_, sum, _ := softmaxRow(row, 1, softmaxStart, 0)
			scaleRow(row, row, 1/sum)
		}
	})
}

// softmaxStart is the running maximum before the first score. Any finite score
// of use is larger, and unlike -Inf it gives no NaN if all scores are -Inf.
const softmaxStart = -1e30

// softmaxRowGeneric is one step of the online softmax. Given the maximum and
// the sum over the scores so far (softmaxStart and 0 at first) it takes the
// next scores s, replaces them by exp(scale·s - scale·newMax), and returns the
// new maximum, the new sum, and the factor by which everything that was
// computed under the old maximum has to be rescaled. scale is positive.
//
// A score of -Inf has weight zero. NaN and +Inf make the sum NaN.
//
// Milakov and Gimelshein (2018), "Online normalizer calculation for softmax".
// https://arxiv.org/abs/1805.02867
func softmaxRowGeneric(s []float32, scale, max, sum float32) (newMax, newSum, rescale float32) {
	var most, total [lanes]float32
	for i := range most {
		most[i] = max
	}
	for i, v := range s {
		if lane := i % lanes; v > most[lane] {
			most[lane] = v
		}
	}
	newMax = maxLanes(&most)

	shift := float32(scale * newMax)
	for i, v := range s {
		s[i] = exp32(fma32(scale, v, -shift))
		total[i%lanes] += s[i]
	}
	rescale = exp32(float32(scale*max) - shift)
	return newMax, fma32(sum, rescale, sumLanes(&total)), rescale
}

// maxLanes and sumLanes combine lane i with i+8, then i+4, i+2 and i+1.
func maxLanes(l *[lanes]float32) float32 {
	for half := lanes / 2; half > 0; half /= 2 {
		for i := range half {
			if l[i+half] > l[i] {
				l[i] = l[i+half]
			}
		}
	}
	return l[0]
}

func sumLanes(l *[lanes]float32) float32 {
	for half := lanes / 2; half > 0; half /= 2 {
		for i := range half {
			l[i] += l[i+half]
		}
	}
	return l[0]
}
