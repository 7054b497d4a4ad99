//go:build !purego

package kernel

// multiply runs one tile, in assembly because the compiler
// keeps neither 24 sums in registers nor fuses multiply and add over vectors:
// they reach the processor's peak, the plain code a hundredth of it.
func multiply(t *tile) {
	switch isa {
	case isaAVX512:
		if t.narrow {
			tile16AVX512(t)
		} else {
			tile32AVX512(t)
		}
	case isaAVX2:
		multiplyParts(t)
	default:
		tileGeneric(t)
	}
}

// multiplyPart is what multiplyParts splits a tile into.
func multiplyPart(t *tile) { tile16AVX2(t) }

// vectors adds the first 16 or 32 columns and returns how many it has done.
func (s *sum) vectors() int {
	switch {
	case isa == isaGeneric || s.cols < 16:
		return 0
	case s.cols == panel && isa == isaAVX512:
		sum32AVX512(s)
	case s.cols == panel:
		sum32AVX2(s)
	case isa == isaAVX512:
		sum16AVX512(s)
	default:
		sum16AVX2(s)
	}
	return s.cols / 16 * 16
}

// transposeVectors does as many of the rows, and of their columns, as come in
// eights: see transpose.
func transposeVectors(dst []float32, dstStride int, src []float32, srcStride, rows, cols int) (doneRows, doneCols int) {
	if isa == isaGeneric || rows < 8 || cols < 8 {
		return 0, 0
	}
	for r := 0; r+8 <= rows; r += 8 {
		transpose8AVX2(&dst[r], dstStride, &src[r*srcStride], srcStride, cols/8)
	}
	return rows &^ 7, cols &^ 7
}
