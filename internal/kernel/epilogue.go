package kernel

import "fmt"

// Activation is an elementwise function after a linear layer.
type Activation int

const (
	None      Activation = iota
	SiLU                 // x·sigmoid(x)
	GELU                 // x·Φ(x), exact
	QuickGELU            // x·sigmoid(1.702x), of CLIP
	ReLU                 // max(x, 0)
)

// activations are the names of the functions.
var activations = [...]string{"none", "SiLU", "GELU", "QuickGELU", "ReLU"}

// String is the function's name.
func (a Activation) String() string {
	if a < 0 || int(a) >= len(activations) {
		return fmt.Sprintf("Activation(%d)", int(a))
	}
	return activations[a]
}

// Epilogue is what happens to a product before it is stored:
//
//	out = act(acc + Bias + PerSample) + Residual
//
// from left to right, each sum rounded to float32. The zero value stores the
// product as it is.
//
// With Gated the product is two halves of N/2 columns, a multiple of 32, which make
// one output [M N/2], as [GEGLU] does:
//
//	out = (acc + Bias)₁ · gelu((acc + Bias)₂)
type Epilogue struct {
	Bias      []float32 // [N], or nil
	PerSample []float32 // [samples N], or nil: row r uses sample r/Rows
	Rows      int       // rows (pixels, tokens) of one sample, for PerSample
	Act       Activation
	Residual  []float32 // [M N], or nil; may be the same slice as out
	Gated     bool      // without PerSample, Act and Residual
	Rounded   bool      // out is bfloat16; without Residual, of an even N

	near bool // of Gated: its GELU may be nearGELU32, since what reads it rounds it
}

// outLen is the float32s of an output [m n].
func (ep *Epilogue) outLen(m, n int) int {
	if ep.Rounded {
		return RoundedLen(m * n)
	}
	return m * n
}

// at returns what begins at (row, col) of out [M n], and the float32s from row to row.
func (ep *Epilogue) at(out []float32, n, row, col int) (from []float32, stride int) {
	if ep.Rounded {
		return out[(row*n+col)/2:], n / 2
	}
	return out[row*n+col:], n
}

// halves is the number of panels that make one panel of the output, which has cols
// columns if the product has n.
func (ep *Epilogue) halves(n int) (halves, cols int) {
	if ep.Gated {
		return 2, n / 2
	}
	return 1, n
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
	if ep.Gated && (n%(2*panel) != 0 || ep.PerSample != nil || ep.Act != None || ep.Residual != nil) {
		panic("kernel: epilogue: gated columns must be two multiples of 32, with a bias alone")
	}
	if ep.Rounded && (n%2 != 0 || ep.Residual != nil) {
		panic("kernel: epilogue: columns of bfloat16 must be even, without a residual")
	}
}

// store finishes a tile [rows 32] of which cols columns count, and stores it
// at (row, col) of out [M n]. It works in the tile. Gated halves are two tiles.
func (ep *Epilogue) store(out, tile []float32, n, row, rows, col, cols int) {
	if ep.Gated {
		ep.storeGated(out, tile, n, row, rows, col)
		return
	}
	s := sum{src: tile, stride: panel, dst: tile, cols: cols}
	if ep.Bias != nil {
		s.bias = ep.Bias[col:][:cols]
	}
	if ep.Act == None && !ep.Rounded {
		s.dst, s.stride = out[row*n+col:], n
	}
	if ep.Act == None && ep.Residual != nil {
		s.residual = ep.Residual[row*n+col:]
	}
	for first := row; first < row+rows; first += s.rows { // each sample by itself
		s.rows = row + rows - first
		if ep.PerSample != nil {
			sample := first / ep.Rows
			s.rows = min(s.rows, (sample+1)*ep.Rows-first)
			s.perSample = ep.PerSample[sample*n+col:][:cols]
		}
		s.skip = first - row
		s.add()
	}
	if ep.Act != None {
		activate(tile[:rows*panel], tile[:rows*panel], ep.Act)
	}
	switch {
	case ep.Rounded:
		roundTile(halves(out)[row*n+col:], n, tile, rows, cols)
	case ep.Act != None:
		s = sum{src: tile, dst: out[row*n+col:], stride: n, rows: rows, cols: cols}
		if ep.Residual != nil {
			s.residual = ep.Residual[row*n+col:]
		}
		s.add()
	}
}

// storeGated is store for a tile of each half, one after the other.
func (ep *Epilogue) storeGated(out, tiles []float32, n, row, rows, col int) {
	value, gate := tiles[:rows*panel], tiles[tileRows*panel:][:rows*panel]
	if ep.Bias != nil {
		s := sum{src: value, dst: value, bias: ep.Bias[col:][:panel], stride: panel, rows: rows, cols: panel}
		s.add()
		s.src, s.dst, s.bias = gate, gate, ep.Bias[n+col:][:panel]
		s.add()
	}
	gegluRow(value, value, gate, ep.near)
	if ep.Rounded {
		roundTile(halves(out)[row*n+col:], n, value, rows, panel)
		return
	}
	s := sum{src: value, dst: out[row*n+col:], stride: n, rows: rows, cols: panel}
	s.add()
}

// sum is dst = src + bias + perSample + residual for some rows of a tile; what
// is nil is left out.
type sum struct {
	src             []float32 // [][32]
	dst, residual   []float32 // [][stride]
	bias, perSample []float32 // [cols]
	stride          int
	skip            int // the first row of src, dst and residual to take
	rows, cols      int
}

func (s *sum) add() {
	rest := s.vectors() // columns that the assembly has done
	if rest == s.cols {
		return
	}
	for r := s.skip; r < s.skip+s.rows; r++ {
		src, dst := s.src[r*panel:][:s.cols], s.dst[r*s.stride:][:s.cols]
		for j := rest; j < s.cols; j++ {
			x := src[j]
			if s.bias != nil {
				x += s.bias[j]
			}
			if s.perSample != nil {
				x += s.perSample[j]
			}
			if s.residual != nil {
				x += s.residual[r*s.stride+j]
			}
			dst[j] = x
		}
	}
}
