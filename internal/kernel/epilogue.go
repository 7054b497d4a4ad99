package kernel

// Activation is an elementwise function after a linear layer.
type Activation int

const (
	None      Activation = iota
	SiLU                 // x·sigmoid(x)
	GELU                 // x·Φ(x), exact
	QuickGELU            // x·sigmoid(1.702x), of CLIP
)

// Epilogue is what happens to a product before it is stored:
//
//	out = act(acc + Bias + PerSample) + Residual
//
// from left to right, each step rounded to float32. The zero value stores the
// product as it is.
type Epilogue struct {
	Bias      []float32 // [N], or nil
	PerSample []float32 // [samples N], or nil: row r uses sample r/Rows
	Rows      int       // rows (pixels, tokens) of one sample, for PerSample
	Act       Activation
	Residual  []float32 // [M N], or nil; may be the same slice as out
}

// check panics unless the slices cover an [m n] product.
func (ep *Epilogue) check(m, n int) {
	if ep.Bias != nil && len(ep.Bias) < n {
		panic("kernel: epilogue: short bias")
	}
	if ep.PerSample != nil && (ep.Rows <= 0 || len(ep.PerSample) < ceilDiv(m, ep.Rows)*n) {
		panic("kernel: epilogue: short per-sample bias")
	}
	if ep.Residual != nil && len(ep.Residual) < m*n {
		panic("kernel: epilogue: short residual")
	}
}

// store finishes a tile [rows 32] of which cols columns count, and stores it
// at (row, col) of out [M n]. It works in the tile.
func (ep *Epilogue) store(out, tile []float32, n, row, rows, col, cols int) {
	if ep.Bias != nil {
		bias := ep.Bias[col:][:cols]
		for r := range rows {
			addTo(tile[r*panel:][:cols], bias)
		}
	}
	if ep.PerSample != nil {
		for r := range rows {
			addTo(tile[r*panel:][:cols], ep.PerSample[(row+r)/ep.Rows*n+col:][:cols])
		}
	}
	if ep.Act != None {
		activate(tile[:rows*panel], tile[:rows*panel], ep.Act)
	}
	for r := range rows {
		at := (row+r)*n + col
		if ep.Residual != nil {
			addTo(tile[r*panel:][:cols], ep.Residual[at:][:cols])
		}
		copy(out[at:][:cols], tile[r*panel:])
	}
}

func addTo(dst, x []float32) {
	for i, v := range x {
		dst[i] += v
	}
}
