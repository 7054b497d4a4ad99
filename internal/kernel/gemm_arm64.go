//go:build !purego

package kernel

// multiply runs one tile, in assembly for the reasons that gemm_amd64.go gives.
func multiply(t *tile) {
	if isa == isaGeneric {
		tileGeneric(t)
	} else {
		multiplyParts(t)
	}
}

// multiplyPart is what multiplyParts splits a tile into.
func multiplyPart(t *tile) { tile16NEON(t) }

// vectors adds the first 16 or 32 columns and returns how many it has done.
func (s *sum) vectors() int {
	switch {
	case isa == isaGeneric || s.cols < 16:
		return 0
	case s.cols == panel:
		sum32NEON(s)
	default:
		sum16NEON(s)
	}
	return s.cols / 16 * 16
}

// transposeVectors does as many of the rows, and of their columns, as come in
// fours: see transpose.
func transposeVectors(dst []float32, dstStride int, src []float32, srcStride, rows, cols int) (doneRows, doneCols int) {
	if isa == isaGeneric || rows < 4 || cols < 4 {
		return 0, 0
	}
	for r := 0; r+4 <= rows; r += 4 {
		transpose4NEON(&dst[r], dstStride, &src[r*srcStride], srcStride, cols/4)
	}
	return rows &^ 3, cols &^ 3
}
