package kernel

import (
	"unsafe"

	"sdgo/internal/ggml"
)

// Weights that are stored as a checkpoint has them are widened to float32 by the task
// that multiplies with them, a band of panels and a chunk of K at a time: what is widened
// stays in the second-level cache. The numbers are the same as if all of them had been
// widened before, and so are the products.

// StoredLen is the number of float32s whose memory n numbers of a type take. They must be
// whole blocks.
func StoredLen(n int, t ggml.Type) int { return ceilDiv(t.Bytes(n), 4) }

// Stored returns the bytes of the numbers in memory of [StoredLen] float32s.
func Stored(data []float32, n int, t ggml.Type) []byte { return bytes(data)[:t.Bytes(n)] }

// LoadStored sets dst to numbers of a type, from number from on of those in data's
// memory.
func LoadStored(dst, data []float32, from int, t ggml.Type) {
	widenStored(dst, bytes(data), from, t)
}

// widenStored is [LoadStored] of bytes.
func widenStored(dst []float32, src []byte, from int, t ggml.Type) {
	numbers, size := t.Block()
	src = src[from/numbers*size:]
	if skip := from % numbers; skip > 0 { // the rest of a block
		var block [ggml.MaxBlock]float32
		widenBlocks(block[:numbers], src[:size], t)
		n := copy(dst, block[skip:numbers])
		dst, src = dst[n:], src[size:]
	}
	whole := len(dst) / numbers
	if whole > 0 {
		widenBlocks(dst[:whole*numbers], src[:whole*size], t)
	}
	if dst = dst[whole*numbers:]; len(dst) > 0 { // the beginning of one
		var block [ggml.MaxBlock]float32
		widenBlocks(block[:numbers], src[whole*size:][:size], t)
		copy(dst, block[:])
	}
}

// widenBlocks sets dst to the numbers of whole blocks.
func widenBlocks(dst []float32, src []byte, t ggml.Type) {
	switch t {
	case ggml.BF16:
		widenBFloat16s(dst, unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(src))), len(dst)))
	case ggml.Q8_0:
		widenQ8(dst, src)
	case ggml.Q4_K:
		widenQ4K(dst, src)
	default:
		t.Dequantize(dst, src)
	}
}

func widenBFloat16sGeneric(dst []float32, src []uint16) {
	for i := range dst {
		dst[i] = fromBFloat16(src[i])
	}
}

func widenQ8Generic(dst []float32, src []byte) { ggml.Q8_0.Dequantize(dst, src) }

func widenQ4KGeneric(dst []float32, src []byte) { ggml.Q4_K.Dequantize(dst, src) }

// stored says whether the weights are as a checkpoint has them.
func (w *Packed) stored() bool { return w.Stored != ggml.F32 }

// storedPanel writes a panel's weights of some inputs of each tap, as float32s
// [taps][inputs][32]. It works in temp, of storedLen.
func (w *Packed) storedPanel(dst, temp []float32, col, first, inputs int) {
	taps, cols := max(w.Taps, 1), min(panel, w.N-col*panel)
	step := w.storedInputs()
	for from := 0; from < inputs; from += step {
		n := min(step, inputs-from)
		rows := temp[:panel*n*taps] // [cols][n][taps]
		for j := range cols {
			at := (col*panel+j)*w.K + (first+from)*taps
			widenStored(rows[j*n*taps:][:n*taps], bytes(w.Data), at, w.Stored)
		}
		if taps == 1 {
			transposePanel(dst[from*panel:], rows, n, cols, n)
			continue
		}
		turned := temp[len(rows):]
		transposePanel(turned, rows, n*taps, cols, n*taps)
		spreadTaps(turned, from, n, inputs, taps, func(row int, x []float32) { copy(dst[row*panel:][:panel], x) })
	}
}

// storedInputs is of how many inputs a panel's weights are widened and transposed
// together: whole blocks, where rows are such.
func (w *Packed) storedInputs() int {
	if w.Taps > 1 {
		return turnInputs
	}
	return ggml.MaxBlock
}

// storedLen is the float32s that storedPanel works in for so many inputs, at most.
func (w *Packed) storedLen(inputs int) int {
	n := min(inputs, w.storedInputs()) * panel
	switch {
	case !w.stored():
		return 0
	case w.Taps > 1:
		return 2 * n * w.Taps
	}
	return n
}
