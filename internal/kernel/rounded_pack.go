package kernel

import "unsafe"

// panelLen is the float32s of a panel in memory. One of integers ends with the scales
// of its columns and the corrections for the activations' offset of 128.
func panelLen(k int, format Format) int {
	n := format.floats(k * panel)
	if format == Int8 {
		n += 2 * panel
	}
	return n
}

// panel returns the memory of a panel.
func (w *Packed) panel(col int) []float32 {
	n := panelLen(w.K, w.Format)
	return w.Data[col*n:][:n]
}

// scales returns what a panel of integers ends with.
func (w *Packed) scales(col int) (scales []float32, corrections []int32) {
	p := w.panel(col)
	p = p[len(p)-2*panel:]
	return p[:panel], int32s(p[panel:])
}

// packWords writes a panel [K][32] of float32s as words along K: dst is
// [K/2][32][2] of bfloat16 or [K/4][32][4] of integers.
func packWords(w *Packed, col int, wide []float32) {
	if w.Format == BFloat16 {
		dst := halves(w.panel(col))
		for i := range w.K / 2 {
			for j := range panel {
				dst[(i*panel+j)*2] = bfloat16(wide[2*i*panel+j])
				dst[(i*panel+j)*2+1] = bfloat16(wide[(2*i+1)*panel+j])
			}
		}
		return
	}
	dst := bytes(w.panel(col))
	scales, corrections := w.scales(col)
	var most [panel]float32
	for i, v := range wide[:w.K*panel] {
		most[i%panel] = max(most[i%panel], v, -v)
	}
	for j := range panel {
		var inverse float32
		scales[j], inverse = scaleOf(most[j])
		sum := int32(0)
		for i := range w.K {
			q := integer(wide[i*panel+j], inverse)
			dst[(i/4*panel+j)*4+i%4] = uint8(q)
			sum += int32(q)
		}
		corrections[j] = 128 * sum
	}
}

// widen writes a panel as float32s of the same values, [K][32] in the order of the
// products. Integers are left without their scales.
func (w *Packed) widen(dst []float32, col int) {
	if w.Format == BFloat16 {
		src := halves(w.panel(col))
		for i := range w.K / 2 {
			for j := range panel {
				dst[2*i*panel+j] = fromBFloat16(src[(i*panel+j)*2+1])
				dst[(2*i+1)*panel+j] = fromBFloat16(src[(i*panel+j)*2])
			}
		}
		return
	}
	src := bytes(w.panel(col))
	for i := range w.K {
		for j := range panel {
			dst[i*panel+j] = float32(int8(src[(i/4*panel+j)*4+i%4]))
		}
	}
}

// at returns the address of a row of 32 weights of which none share a word.
func (w *Packed) at(row int) unsafe.Pointer {
	return unsafe.Pointer(&w.Data[row*panel/4*w.Format.size()])
}
