package noise

// Path fills dst with the increment of a Brownian path between two noise levels, scaled
// to unit variance. Increments of intervals that overlap share what they have in common,
// which fresh noise does not.
type Path func(dst []float32, from, to float64)

// Or returns the path, or where there is none the fresh noise for every interval.
func (p Path) Or(fresh Func) Path {
	if p != nil || fresh == nil {
		return p
	}
	return func(dst []float32, _, _ float64) { fresh(dst) }
}
