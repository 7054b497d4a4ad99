package kernel

import "math"

// Nearest finds for each vector of x [rows d] the entry of a codebook [entries d] that is
// nearest by Euclid's distance, the first of several, and sets out [rows d] to x + (entry −
// x). With indices set out [rows] holds its number instead. Distances are sums in float64,
// so that they do not depend on how they are split. Work holds entries·d float32s.
func Nearest(out, x []float32, book Table, work []float32, rows, entries, d int, indices bool) []Phase {
	book.Format.mustBe("nearest", Float32, Float16)
	width := d
	if indices {
		width = 1
	}
	need("nearest", "out", out, rows*width)
	need("nearest", "x", x, rows*d)
	need("nearest", "codebook", book.Data, book.floats(entries*d))
	need("nearest", "work", work, entries*d)
	load := splitRows(entries, d, func(from, to int) { book.Load(work[from*d:to*d], from*d) })
	search := splitRows(rows, entries*d, func(from, to int) {
		for r := from; r < to; r++ {
			v := x[r*d:][:d]
			i := nearest(v, work, entries)
			if indices {
				out[r] = float32(i)
				continue
			}
			for j, e := range work[i*d:][:d] {
				out[r*d+j] = v[j] + (e - v[j])
			}
		}
	})
	return []Phase{load, search}
}

// nearest is the number of the entry that is nearest to v.
func nearest(v, book []float32, entries int) int {
	best, least := 0, math.Inf(1)
	for i := range entries {
		sum := 0.0
		for j, e := range book[i*len(v):][:len(v)] {
			diff := float64(v[j]) - float64(e)
			sum += float64(diff * diff)
		}
		if sum < least {
			best, least = i, sum
		}
	}
	return best
}
