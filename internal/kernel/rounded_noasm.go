//go:build !amd64 || purego

package kernel

// dots is what is in use of the instructions for words: none.
var dots = bestDots()

func bestDots() dotSet { return dotSet{} }

func multiplyBF16(*tile) { panic("kernel: no bfloat16") }

func multiplyInt8(*tile) { panic("kernel: no integers") }

func roundBFloat16s(dst []uint16, src []float32) { roundBFloat16sGeneric(dst, src) }

func roundWholeTile([]uint16, int, []float32, int) bool { return false }

func quantise(dst []uint8, src []float32, inverse float32) { quantiseGeneric(dst, src, inverse) }

func dequantise(c []float32, w *Packed, col int, rowScales []float32, rows int) {
	dequantiseGeneric(c, w, col, rowScales, rows)
}

func weighBlocks(*weighing, bool) { panic("kernel: no bfloat16") }

func pairRows(x []float32, pairs, columns int) { pairRowsGeneric(x, pairs, columns) }

func pairHalves(dst []float32, src []uint16, pairs int) { pairHalvesGeneric(dst, src, pairs) }

func splitWords(first, second []uint16, src []float32) { splitWordsGeneric(first, second, src) }

func transformPatchPairs(*patch) { panic("kernel: no bfloat16") }

func transformWeightPairs(*weights, Format) { panic("kernel: no bfloat16") }
