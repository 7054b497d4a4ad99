//go:build !purego

package kernel

// Largest is the largest magnitude in x, or NaN if there is one, or 0 if x is empty.
func Largest(x []float32) float32 {
	if n := assembled(len(x)); n > 0 {
		return largestGeneric([]float32{largestNEON(&x[0], n), largestGeneric(x[n:])})
	}
	return largestGeneric(x)
}
