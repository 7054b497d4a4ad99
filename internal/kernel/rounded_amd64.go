//go:build !purego

package kernel

import (
	"os"

	"golang.org/x/sys/cpu"
)

// dots is what is in use of the instructions for words. Tests change it; nothing else
// may.
var dots = chooseDots(os.Getenv(isaEnv), bestDots())

func bestDots() dotSet {
	wide := bestISA() == isaAVX512
	return dotSet{vnni: wide && cpu.X86.HasAVX512VNNI, bf16: wide && cpu.X86.HasAVX512BF16}
}

// multiplyBF16 runs one tile whose words are pairs of bfloat16.
func multiplyBF16(t *tile) {
	if t.narrow {
		tile16BF16(t)
	} else {
		tile32BF16(t)
	}
}

// multiplyInt8 runs one tile whose words are four integers. The sums in c are
// integers of 32 bits.
func multiplyInt8(t *tile) {
	if t.narrow {
		tile16VNNI(t)
	} else {
		tile32VNNI(t)
	}
}

func roundBFloat16s(dst []uint16, src []float32) {
	if !dots.bf16 {
		roundBFloat16sGeneric(dst, src)
		return
	}
	dst = dst[:len(src)]
	n := whole(len(src))
	if n > 0 {
		roundBFloat16sAVX512(&dst[0], &src[0], n)
	}
	switch rest := src[n:]; {
	case len(rest) == 0:
	case n > 0: // some a second time
		last := len(src) - lanes
		roundBFloat16sAVX512(&dst[last], &src[last], lanes)
	default:
		rest := pad(rest)
		var rounded [lanes]uint16
		roundBFloat16sAVX512(&rounded[0], &rest[0], lanes)
		copy(dst[n:], rounded[:])
	}
}

// roundWholeTile is roundTile of all columns, if there is an instruction for it.
func roundWholeTile(dst []uint16, stride int, tile []float32, rows int) bool {
	if dots.bf16 {
		_, _ = dst[(rows-1)*stride+panel-1], tile[rows*panel-1]
		roundTileAVX512(&dst[0], &tile[0], rows, stride)
	}
	return dots.bf16
}

// weighBlocks runs the assembly of weighing.
func weighBlocks(w *weighing, narrow bool) {
	if narrow {
		weigh16BF16(w)
	} else {
		weigh32BF16(w)
	}
}

// pairRows makes pairs of 16 or 32 columns of a panel [2·pairs][32].
func pairRows(x []float32, pairs, columns int) {
	if !dots.bf16 || pairs == 0 {
		pairRowsGeneric(x, pairs, columns)
		return
	}
	_ = x[:(2*pairs-1)*panel+columns]
	for i := 0; i+lanes <= columns; i += lanes {
		pairRowsAVX512(&x[i], pairs)
	}
}

// pairHalves makes pairs of the rows of a panel [2·pairs][32] of [Float16].
func pairHalves(dst []float32, src []uint16, pairs int) {
	if !dots.bf16 || pairs == 0 {
		pairHalvesGeneric(dst, src, pairs)
		return
	}
	_, _ = dst[pairs*panel-1], src[2*pairs*panel-1]
	pairHalvesAVX512(&dst[0], &src[0], pairs)
}

// splitWords writes the first numbers of pairs, and the second ones, side by side.
func splitWords(first, second []uint16, src []float32) {
	first, second = first[:len(src)], second[:len(src)]
	n := 0
	if dots.bf16 {
		if n = whole(len(src)); n > 0 {
			splitWordsAVX512(&first[0], &second[0], &src[0], n)
		}
	}
	splitWordsGeneric(first[n:], second[n:], src[n:])
}

// Largest is the largest magnitude in x, or NaN if there is one, or 0 if x is empty.
func Largest(x []float32) float32 {
	if n := whole(len(x)); isa == isaAVX512 && n > 0 {
		return largestGeneric([]float32{largestAVX512(&x[0], n), largestGeneric(x[n:])})
	}
	return largestGeneric(x)
}

func quantise(dst []uint8, src []float32, inverse float32) {
	dst = dst[:len(src)]
	n := 0
	if isa == isaAVX512 {
		if n = whole(len(src)); n > 0 {
			quantiseAVX512(&dst[0], &src[0], n, inverse)
		}
	}
	quantiseGeneric(dst[n:], src[n:], inverse)
}

func dequantise(c []float32, w *Packed, col int, rowScales []float32, rows int) {
	if isa != isaAVX512 {
		dequantiseGeneric(c, w, col, rowScales, rows)
		return
	}
	scales, corrections := w.scales(col)
	_, _ = c[rows*panel-1], rowScales[rows-1]
	dequantiseAVX512(&c[0], &scales[0], &corrections[0], &rowScales[0], rows)
}
