package kernel

// Unpack is the inverse of [PackConv]: it writes a packed weight as [Out In taps].
// Weights that were rounded stay so.
func Unpack(dst []float32, w Packed, out, in, taps int) Phase {
	k := taps * in
	need("unpack", "dst", dst, out*k)
	w.check("unpack")
	if w.K != k || w.N != out {
		panic("kernel: unpack: weights of another shape")
	}
	if w.stored() { // in that order
		return splitRows(out, k, func(from, to int) {
			LoadStored(dst[from*k:to*k], w.Data, from*k, w.Stored)
		})
	}
	return Phase{Tasks: ceilDiv(out, panel), Run: func(col int, _ []float32) {
		for j := range min(panel, out-col*panel) {
			row := dst[(col*panel+j)*k:][:k]
			for tap := range taps {
				for i := range in {
					row[i*taps+tap] = w.weight(col, tap*in+i, j)
				}
			}
		}
	}}
}

// weight is the one in row k and column j of a panel.
func (w *Packed) weight(col, k, j int) float32 {
	data := w.panel(col)
	switch w.Format {
	case Float16:
		return float16ToFloat32(halves(data)[k*panel+j])
	case BFloat16:
		return fromBFloat16(halves(data)[(k/2*panel+j)*2+k%2])
	case Int8:
		scales, _ := w.scales(col)
		return float32(int8(bytes(data)[(k/4*panel+j)*4+k%4])) * scales[j]
	}
	return data[k*panel+j]
}

// Number returns one number of a weight [Out In taps], in that order.
func (w *Packed) Number(i, taps int) float32 {
	if w.stored() {
		var one [1]float32
		LoadStored(one[:], w.Data, i, w.Stored)
		return one[0]
	}
	row, k := i/w.K, i%w.K
	return w.weight(row/panel, k%taps*(w.K/taps)+k/taps, row%panel)
}
