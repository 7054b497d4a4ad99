//go:build !purego

package kernel

import (
	"os"

	"golang.org/x/sys/cpu"
)

// grouping is what is in use of the instructions for groups. Tests change it; nothing
// else may.
var grouping = chooseGrouped(os.Getenv(isaEnv), bestGrouping())

func bestGrouping() groups {
	wide := bestISA() == isaAVX512
	return groups{vnni: wide && cpu.X86.HasAVX512VNNI, bf16: wide && cpu.X86.HasAVX512BF16}
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
	dst = dst[:len(src)]
	n := 0
	if grouping.bf16 {
		if n = whole(len(src)); n > 0 {
			roundBFloat16sAVX512(&dst[0], &src[0], n)
		}
	}
	roundBFloat16sGeneric(dst[n:], src[n:])
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
