package kernel

import (
	"slices"

	"sdgo/internal/ggml"
)

// panel is the number of columns of a weight matrix that lie together.
const panel = 32

// PanelWidth is how many outputs of a weight lie together: as many, or a multiple of
// them, can be packed by themselves into their place.
const PanelWidth = panel

// Packed is a weight matrix B [K N] in panels of 32 columns, zero padded:
// [ceil(N/32)][K][32], where numbers of less than 16 bits, and bfloat16, share words
// along K: see packWords. Products are a little faster if Data starts at a
// multiple of 64 bytes.
//
// If it is stored in a type it is not packed: it lies as a checkpoint has it,
// [N][K/Taps][Taps] in blocks of that type, and the format, Float32 or BFloat16, is that
// of the factors.
type Packed struct {
	K, N   int
	Format Format
	Stored ggml.Type // F32, the zero value: packed in the format
	Taps   int       // of a weight that is stored; 0 means 1
	Data   []float32 // the memory, whatever the format
}

// Panels says whether n columns are whole panels.
func Panels(n int) bool { return n%panel == 0 }

// PackedLen is the number of float32s that a packed [K N] matrix takes.
func PackedLen(k, n int, format Format) int {
	return ceilDiv(n, panel) * panelLen(k, format)
}

func (w *Packed) check(what string) {
	n := PackedLen(w.K, w.N, w.Format)
	if w.stored() {
		n = StoredLen(w.K*w.N, w.Stored)
	}
	if len(w.Data) < n {
		panic("kernel: " + what + ": short weights")
	}
}

// PackLinear packs a row-major [N K] matrix, as a checkpoint holds a linear
// layer's weight [out in], into dst of PackedLen(k, n, format) float32s.
func PackLinear(dst, w []float32, n, k int, format Format) Packed {
	return PackConv(dst, w, n, k, 1, 1, format)
}

// PackConv packs a convolution's weight [Out In KH KW] into dst of
// PackedLen(in*kh*kw, out, format) float32s. Its K runs over ky, kx and the input
// channels, which are innermost. It must be a multiple of
// [PerWord].
func PackConv(dst, w []float32, out, in, kh, kw int, format Format) Packed {
	return new(Packer).Conv(dst, w, out, in, kh, kw, format)
}

// Packer packs weights one after the other, and keeps the memory that it works in. The
// zero value is ready.
type Packer struct {
	turned []float32 // what turnPanel works in
	wide   []float32 // one panel, before it is rounded
}

// Conv is [PackConv].
func (s *Packer) Conv(dst, w []float32, out, in, kh, kw int, format Format) Packed {
	taps := kh * kw
	k := taps * in
	if len(w) < out*k {
		panic("kernel: pack: short weight")
	}
	p := Packed{K: k, N: out, Format: format, Data: dst}
	p.check("pack")
	if k%PerWord(format) != 0 {
		panic("kernel: pack: K is no multiple of the weights of a word")
	}
	p.Data = dst[:PackedLen(k, out, format)]
	s.turned = slices.Grow(s.turned[:0], turnedLen(in, taps))[:turnedLen(in, taps)]
	if format == BFloat16 || format == Int8 {
		s.wide = slices.Grow(s.wide[:0], k*panel)[:k*panel]
	}
	for first := 0; first < out; first += panel {
		filters, cols := w[first*k:], min(panel, out-first)
		switch format {
		case Float32:
			packPanel(p.panel(first/panel), s.turned, filters, in, taps, cols)
		case Float16:
			half := halves(p.panel(first / panel))
			turnPanel(s.turned, filters, in, taps, cols, func(row int, x []float32) {
				narrowHalves(half[row*panel:][:len(x)], x)
			})
		case BFloat16, Int8:
			packPanel(s.wide, s.turned, filters, in, taps, cols)
			packWords(&p, first/panel, s.wide)
		}
	}
	return p
}

// packPanel writes cols rows of a weight [Out In taps] as a panel [taps In 32]. It works
// in turned, of turnedLen, if there are several taps.
func packPanel(block, turned, w []float32, in, taps, cols int) {
	if taps == 1 {
		transposePanel(block, w, in, cols, in)
		return
	}
	turnPanel(turned, w, in, taps, cols, func(row int, x []float32) {
		copy(block[row*panel:][:panel], x)
	})
}

// turnInputs is how many inputs of a panel are transposed together, so that what is
// between the two stays in the cache.
const turnInputs = 128

// turnedLen is the float32s that turnPanel works in.
func turnedLen(in, taps int) int { return min(in, turnInputs) * taps * panel }

// turnPanel calls put for rows of the panel [taps In 32] of cols rows of a weight
// [Out In taps]: for each row, or with one tap for several at a time.
func turnPanel(turned, w []float32, in, taps, cols int, put func(row int, x []float32)) {
	for first := 0; first < in; first += turnInputs {
		n := min(turnInputs, in-first)
		transposePanel(turned, w[first*taps:], in*taps, cols, n*taps)
		spreadTaps(turned, first, n, in, taps, put)
	}
}

// spreadTaps calls put for what is transposed of n inputs from the first on, [n taps 32].
func spreadTaps(turned []float32, first, n, in, taps int, put func(row int, x []float32)) {
	if taps == 1 {
		put(first, turned[:n*panel])
		return
	}
	for i := range n {
		for tap := range taps {
			put(tap*in+first+i, turned[(i*taps+tap)*panel:][:panel])
		}
	}
}

// PackWhile is [PackConv] to float32 as a phase: for a weight that is computed, or
// may change between runs.
func PackWhile(dst, w []float32, out, in, kh, kw int) (Packed, Phase) {
	taps := kh * kw
	k := taps * in
	need("pack", "weight", w, out*k)
	p := Packed{K: k, N: out, Format: Float32, Data: dst}
	p.check("pack")
	scratch := 0
	if taps > 1 {
		scratch = turnedLen(in, taps)
	}
	return p, Phase{Tasks: ceilDiv(out, panel), Scratch: scratch, Run: func(task int, scratch []float32) {
		first := task * panel
		packPanel(dst[first*k:][:k*panel], scratch, w[first*k:], in, taps, min(panel, out-first))
	}}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

func roundUp(n, to int) int { return ceilDiv(n, to) * to }
