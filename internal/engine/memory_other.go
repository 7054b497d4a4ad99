//go:build !unix

package engine

// mapMemory returns n zeroed float32s and a func that returns them.
func mapMemory(n int) ([]float32, func(), error) {
	return make([]float32, n), func() {}, nil
}

// reserveMemory returns n float32s that must not be written.
func reserveMemory(n int) ([]float32, func(), error) { return mapMemory(n) }
