//go:build !(amd64 || arm64) || purego

package kernel

// Largest is the largest magnitude in x, or NaN if there is one, or 0 if x is empty.
func Largest(x []float32) float32 { return largestGeneric(x) }
