//go:build !(amd64 || arm64) || purego

package kernel

func multiply(t *tile) { tileGeneric(t) }

func (s *sum) vectors() int { return 0 }

func transposeVectors(dst, src []float32, stride, rows, cols int) (doneRows, doneCols int) {
	return 0, 0
}
