package kernel

import (
	"math"
	"unsafe"
)

// Gemm is out = a × w: a is [m K] row-major, out [m N].
func Gemm(out, a []float32, m int, w Packed, ep Epilogue) Phase {
	if len(a) < m*w.K {
		panic("kernel: gemm: short a")
	}
	k := w.K
	return newProduct(product{
		out: out, a: a, m: m, w: w, ep: ep, taps: 1,
		locate: func(offsets []int32, row, rows int) {
			for r := range rows {
				offsets[r] = int32((row + r) * k)
			}
		},
	})
}

// product is a matrix product [m K] × [K N] whose left rows are gathered: row
// r consists of taps pieces of K/taps elements of a. Linear layers and
// convolutions differ only in locate.
//
// A task takes a block of rows times a group of panels, and inside it the
// panels come first, the tiles of rows second: a panel stays in the
// second-level cache while the rows pass by.
type product struct {
	out, a []float32
	m      int
	w      Packed
	ep     Epilogue
	taps   int
	// locate writes the offsets [taps][12] of up to 12 rows of a, -1 for a
	// row of zeros.
	locate func(offsets []int32, row, rows int)

	zero                          []float32
	panels, tiles, groups, blocks int
}

const (
	// blockFloats is the part of a that one task reads: it should stay in the
	// second-level cache beside a panel of weights.
	blockFloats = 96 << 10
	minTiles    = 8        // fewer tiles than this hardly use a panel
	taskOps     = 20 << 20 // multiply-adds of a task: 0.4 ms at 100 GFLOP/s
	minTasks    = 16
	// callK bounds the chain of one call of the kernel, which cannot be
	// preempted, to about 100 µs.
	callK = 12 << 10
)

func newProduct(p product) Phase {
	p.ep.check(p.m, p.w.N)
	if len(p.out) < p.m*p.w.N {
		panic("kernel: product: short out")
	}
	if len(p.w.Data) < PackedLen(p.w.K, p.w.N) {
		panic("kernel: product: short weights")
	}
	if len(p.a) > math.MaxInt32 {
		panic("kernel: product: input of more than 2^31 float32s")
	}
	k := p.w.K / p.taps
	p.zero = make([]float32, k)
	p.panels, p.tiles = ceilDiv(p.w.N, panel), ceilDiv(p.m, tileRows)
	if p.tiles == 0 || p.panels == 0 {
		return Phase{}
	}

	perBlock := max(minTiles, blockFloats/(tileRows*k*min(p.taps, 3)))
	p.blocks = ceilDiv(p.tiles, perBlock)
	work := ceilDiv(p.m, p.blocks) * p.w.K * panel
	perGroup := max(1, taskOps/work)
	p.groups = ceilDiv(p.panels, perGroup)
	if p.blocks*p.groups < minTasks {
		p.groups = min(p.panels, ceilDiv(minTasks, p.blocks))
	}
	return Phase{
		Tasks:   p.blocks * p.groups,
		Scratch: tileRows*panel + ceilDiv(p.tiles, p.blocks)*p.taps*tileRows,
		Run:     p.run,
	}
}

// run does one task. Tasks that follow each other share a group of panels.
func (p *product) run(task int, scratch []float32) {
	group, block := task/p.blocks, task%p.blocks
	first, last := p.tiles*block/p.blocks, p.tiles*(block+1)/p.blocks
	c, rest := scratch[:tileRows*panel], scratch[tileRows*panel:]
	offsets := int32s(rest)
	for t := first; t < last; t++ {
		row, rows := p.rows(t)
		p.locate(offsets[(t-first)*p.taps*tileRows:], row, rows)
	}
	for col := p.panels * group / p.groups; col < p.panels*(group+1)/p.groups; col++ {
		b := p.w.column(col)
		cols := min(panel, p.w.N-col*panel)
		for t := first; t < last; t++ {
			row, rows := p.rows(t)
			p.multiply(c, b, offsets[(t-first)*p.taps*tileRows:][:p.taps*tileRows], rows, cols)
			p.ep.store(p.out, c, p.w.N, row, rows, col*panel, cols)
		}
	}
}

// rows returns the first row of a tile and how many it has. The rows are split
// evenly: 64 rows are six tiles of 10 or 11.
func (p *product) rows(t int) (row, rows int) {
	row = p.m * t / p.tiles
	return row, p.m*(t+1)/p.tiles - row
}

// multiply computes one tile into c, in several calls if K is large.
func (p *product) multiply(c, b []float32, offsets []int32, rows, cols int) {
	k := p.w.K / p.taps
	taps := max(1, callK/k)
	t := tile{
		zero: p.zero, c: c, ldc: panel, rows: rows,
		narrow: cols <= panel/2,
	}
	for tap := 0; tap < p.taps; tap += taps {
		n := min(taps, p.taps-tap)
		t.offsets = offsets[tap*tileRows:][:n*tileRows]
		t.taps = n
		for i := 0; i < k; i += callK { // more than once only with one tap
			t.k = min(callK, k-i)
			t.a = p.a[i:]
			t.b = b[(tap*k+i)*panel:][:n*t.k*panel]
			multiply(&t)
			t.add = true
		}
	}
}

// int32s is the same memory as integers.
func int32s(x []float32) []int32 {
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}
