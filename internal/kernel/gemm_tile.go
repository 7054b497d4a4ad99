package kernel

// tileRows is the most rows of a tile: 12 rows of 32 columns fill 24 of the 32
// vector registers of AVX-512.
const tileRows = 12

// tile is one call of the assembly of a product: of up to 12 rows of A
// with one panel of B. Each element of c is one chain of [fma32] over all taps
// and, within a tap, over k; with add the chain starts at c, otherwise at 0.
//
// A row of A is found through an offset for each tap, so the rows of a linear
// layer, the pixels under a convolution and its zero padding all look alike.
// The assembly reads this struct: see _asm/gemm.
type tile struct {
	a       []float32
	zero    []float32 // [k] zeros, the row at offset -1
	b       []float32 // [taps*k][32]
	c       []float32 // [rows][ldc]
	offsets []int32   // [taps][12]: where in a a row starts
	taps    int
	k       int
	ldc     int
	rows    int  // 1 to 12
	narrow  bool // only the first 16 columns
	add     bool

	// What to fetch into the caches meanwhile; the plain code ignores it.
	next   []float32 // what comes next: one line, then fetch bytes on, for each k
	fetch  int
	out    []float32 // where c will go: its rows, if not nil
	stride int
}

// tileGeneric is the specification of the assembly.
func tileGeneric(t *tile) {
	cols := panel
	if t.narrow {
		cols = panel / 2
	}
	for r := range t.rows {
		c := t.c[r*t.ldc:][:cols]
		if !t.add {
			clear(c)
		}
		for tap := range t.taps {
			row := t.zero
			if at := t.offsets[tap*tileRows+r]; at >= 0 {
				row = t.a[at:]
			}
			b := t.b[tap*t.k*panel:]
			for i, x := range row[:t.k] {
				for j, w := range b[i*panel:][:cols] {
					c[j] = fma32(x, w, c[j])
				}
			}
		}
	}
}
