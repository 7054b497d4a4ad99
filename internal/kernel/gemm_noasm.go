//go:build !(amd64 || arm64) || purego

package kernel

func multiply(t *tile) { tileGeneric(t) }

func (s *sum) vectors() int { return 0 }

func transposeVectors(dst []float32, dstStride int, src []float32, srcStride, rows, cols int) (doneRows, doneCols int) {
	return 0, 0
}
