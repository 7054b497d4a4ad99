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
	if PerWord(w.Format) > 1 {
		return newRounded(out, a, m, w, ep, false)
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
// A task takes a block of rows times a band of panels: see split. K is cut into chunks,
// outermost, so that a chunk of the band's weights stays in the second-level
// cache while the rows pass by; in between, the sums rest in scratch, which
// rounds nothing. The panels come innermost: they share the tile's rows of a,
// and write to the same pages of out.
type product struct {
	out, a []float32
	m      int
	w      Packed
	ep     Epilogue
	taps   int
	// locate writes the offsets [taps][12] of up to 12 rows of a, -1 for a
	// row of zeros.
	locate func(offsets []int32, row, rows int)

	zero   []float32
	k      int  // K of a tap
	n      int  // columns of out
	halves int  // panels of w for a panel of out
	grid        // of out
	ahead  bool // the next task of a member is the next panel
	chunks []chunk
}

// chunk is a part of K: some taps, or with one tap a part of its k.
type chunk struct{ tap, taps, first, k int }

func newProduct(p product) Phase {
	p.ep.check(p.m, p.w.N)
	p.halves, p.n = p.ep.halves(p.w.N)
	if len(p.out) < p.m*p.n {
		panic("kernel: product: short out")
	}
	p.w.Format.mustBe("product", Float32, Float16)
	p.w.check("product")
	if len(p.a) > math.MaxInt32 {
		panic("kernel: product: input of more than 2^31 float32s")
	}
	if p.m == 0 || p.w.N == 0 {
		return Phase{}
	}
	if p.w.K == 0 {
		panic("kernel: product: K is 0")
	}
	if p.w.stored() && p.taps != max(p.w.Taps, 1) {
		panic("kernel: product: stored weights of other taps")
	}
	p.k = p.w.K / p.taps
	p.zero = make([]float32, p.k)
	p.chunks = cut(p.taps, p.k)
	p.panels, p.tiles = ceilDiv(p.n, panel), ceilDiv(p.m, tileRows)

	return byThreads(func(threads int) Phase {
		q := p
		q.split(threads)
		tiles, panels := ceilDiv(q.tiles, q.blocks), ceilDiv(q.panels, q.bands)
		return Phase{
			Tasks:   q.tasks(),
			Scratch: q.sums(tiles, panels)*tileRows*panel + tiles*q.taps*tileRows + q.wide(panels),
			Run:     q.run,
			Size:    q.size,
		}
	})
}

// wide is the number of float32s for a band's weights in one chunk, unless they
// are used where they are.
func (p *product) wide(panels int) int {
	return panels*p.halves*p.widened()*panel + p.w.storedLen(p.k)
}

// widened is how many rows of a panel are widened at once: those of a chunk, but all of
// them of stored weights with several taps, whose rows have each input's side by side.
func (p *product) widened() int {
	switch {
	case p.w.stored() && p.taps > 1:
		return p.w.K
	case !p.w.stored() && p.w.Format == Float32:
		return 0
	}
	most := 0
	for _, c := range p.chunks {
		most = max(most, c.taps*c.k)
	}
	return most
}

// sums is how many tiles of sums a task keeps at once.
func (p *product) sums(tiles, panels int) int {
	if len(p.chunks) == 1 {
		return p.halves
	}
	return tiles * panels * p.halves
}

// run does one task.
func (p *product) run(task int, scratch []float32) {
	first, last, left, right := p.part(task)
	sums := p.sums(last-first, right-left) * tileRows * panel
	c, offsets := scratch[:sums], int32s(scratch[sums:])
	wide := scratch[len(scratch)-p.wide(right-left):]
	for i := range last - first {
		row, rows := p.rows(first + i)
		p.locate(offsets[i*p.taps*tileRows:], row, rows)
	}

	t := tile{zero: p.zero, ldc: panel}
	for n, chunk := range p.chunks {
		t.taps, t.k, t.add = chunk.taps, chunk.k, n > 0
		t.a = p.a[chunk.first:]
		p.widen(wide, left, right, chunk)
		at := 0 // in c
		for i := range last - first {
			row, rows := p.rows(first + i)
			t.rows = rows
			t.offsets = offsets[(i*p.taps+chunk.tap)*tileRows:][:chunk.taps*tileRows]
			for col := left; col < right; col++ {
				cols := min(panel, p.n-col*panel)
				t.narrow = cols <= panel/2
				for half := range p.halves {
					t.b = p.weights(wide, left, right, col, half, chunk)
					t.c = c[at+half*tileRows*panel:][:tileRows*panel]
					if n == len(p.chunks)-1 {
						t.out, t.stride = p.out[row*p.n+col*panel:], p.n
					}
					switch {
					case n < len(p.chunks)-1:
						p.nextWeights(&t, col+half*p.panels, p.chunks[n+1], i, last-first)
					case p.ahead:
						p.nextWeights(&t, min(col+1, p.panels-1)+half*p.panels, p.chunks[0], i, last-first)
					default:
						p.nextRows(&t, offsets[i*p.taps*tileRows:(last-first)*p.taps*tileRows], col-left, right-left)
					}
					multiply(&t)
				}
				if n == len(p.chunks)-1 {
					p.ep.store(p.out, c[at:], p.n, row, rows, col*panel, cols)
				}
				if len(p.chunks) > 1 {
					at += p.halves * tileRows * panel
				}
			}
		}
	}
}

// widen converts the weights of the panels [left, right) in a chunk of K, if they
// are not float32: those of the first half, then those of the second.
func (p *product) widen(wide []float32, left, right int, c chunk) {
	if len(wide) == 0 || p.w.stored() && p.taps > 1 && c.tap > 0 {
		return
	}
	n, temp := p.widened()*panel, wide[len(wide)-p.w.storedLen(p.k):]
	for half := range p.halves {
		for col := left; col < right; col++ {
			dst, number := wide[(half*(right-left)+col-left)*n:][:n], col+half*p.panels
			switch {
			case !p.w.stored():
				dst = dst[:c.taps*c.k*panel]
				widenHalves(dst, halves(p.w.Data)[p.row(number, c)*panel:])
			case p.taps > 1:
				p.w.storedPanel(dst, temp, number, 0, p.k)
			default:
				p.w.storedPanel(dst, temp, number, c.first, c.k)
			}
		}
	}
}

// weights returns those of a panel in a chunk of K.
func (p *product) weights(wide []float32, left, right, col, half int, c chunk) []float32 {
	n := c.taps * c.k * panel
	if len(wide) == 0 {
		return p.w.Data[p.row(col+half*p.panels, c)*panel:][:n]
	}
	at := (half*(right-left) + col - left) * p.widened() * panel
	if p.w.stored() {
		at += c.tap * p.k * panel
	}
	return wide[at:][:n]
}

// row returns where the weights of a panel in a chunk of K begin, in rows of 32.
func (p *product) row(col int, c chunk) int { return col*p.w.K + c.tap*p.k + c.first }

// nextWeights makes tile i of n fetch its share of a panel's chunk, the next one. Without
// this the first tile of a chunk would wait for memory.
func (p *product) nextWeights(t *tile, col int, c chunk, i, n int) {
	if p.w.stored() {
		t.next, t.fetch = nil, 0
		return
	}
	row := p.row(col, c) * panel * p.w.Format.size() / 4
	t.fetch = ceilDiv(panel*p.w.Format.size(), n)
	t.next = p.w.Data[min(row+i*t.taps*t.k*t.fetch/4, len(p.w.Data)-1):]
}

// nextRows makes panel i of n fetch its share of the next tile's rows, which
// lie together; of a convolution the last tap, for the others have been read.
func (p *product) nextRows(t *tile, offsets []int32, i, n int) {
	t.next, t.fetch = nil, 0
	at := (2*p.taps - 1) * tileRows
	if at >= len(offsets) || offsets[at] < 0 {
		return
	}
	t.fetch = ceilDiv(4*tileRows, n*p.taps)
	t.next = p.a[min(int(offsets[at])+i*p.w.K*t.fetch/4, len(p.a)-1):]
}

// rows returns the first row of a tile and how many it has. The rows are split
// evenly: 64 rows are six tiles of 10 or 11.
func (p *product) rows(t int) (row, rows int) {
	row = p.m * t / p.tiles
	return row, p.m*(t+1)/p.tiles - row
}

// int32s is the same memory as integers.
func int32s(x []float32) []int32 {
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}
