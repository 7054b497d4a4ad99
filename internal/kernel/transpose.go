package kernel

// transpose writes the rows of src as the columns of dst: element (r, c), at
// src[r*srcStride+c], goes to dst[c*dstStride+r].
func transpose(dst []float32, dstStride int, src []float32, srcStride, rows, cols int) {
	if rows == 0 || cols == 0 {
		return
	}
	dst = dst[:(cols-1)*dstStride+rows]
	src = src[:(rows-1)*srcStride+cols]
	doneRows, doneCols := transposeVectors(dst, dstStride, src, srcStride, rows, cols)
	for r := range rows {
		first := 0
		if r < doneRows {
			first = doneCols
		}
		row := src[r*srcStride:][:cols]
		for c := first; c < cols; c++ {
			dst[c*dstStride+r] = row[c]
		}
	}
}

// transposePanel writes up to 32 rows of src as the columns of the panel dst
// [cols][32], and zeros in place of missing rows.
func transposePanel(dst, src []float32, stride, rows, cols int) {
	transpose(dst, panel, src, stride, rows, cols)
	for i := 0; rows < panel && i < cols; i++ {
		clear(dst[i*panel+rows:][:panel-rows])
	}
}
