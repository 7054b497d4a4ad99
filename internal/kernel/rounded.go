package kernel

import (
	"math"
	"unsafe"
)

// rounded is a matrix product whose factors are rounded, so that a word
// of 4 bytes holds 2 or 4 of them along K: to bfloat16, or to integers of 8 bits.
//
// A task takes a block of rows times a band of panels: see split. It rounds its rows into
// scratch, unless they are bfloat16 already and the processor takes them so. They stay in
// the second-level cache while the weights pass by: each of them is read once a block.
//
// Integers have a scale for each row of A, and one for each column of B:
//
//	a = scale·(q − 128), 0 ≤ q ≤ 255, and b = scale·p, −127 ≤ p ≤ 127
//
// so that Σ ab = scales·(Σ qp − 128 Σ p). The sums are exact.
//
// The instruction for bfloat16 is two fused multiply-adds, of the second product of a
// pair and then of the first. Without it the same is done in float32, with the pairs
// turned round, so that only sums below 2⁻¹²⁶, which the instruction takes for zero,
// can differ.
type rounded struct {
	out, a    []float32
	m         int
	w         Packed
	ep        Epilogue
	words     int  // of a row of A
	n, halves int  // columns of out, and panels of w for a panel of it
	grid           // of out
	native    bool // there is an instruction for the products
	ready     bool // A is bfloat16
}

func newRounded(out, a []float32, m int, w Packed, ep Epilogue, ready bool) Phase {
	w.Format.mustBe("product of rounded factors", BFloat16, Int8)
	w.check("product")
	ep.check(m, w.N)
	ep.near = w.Format == BFloat16
	halves, n := ep.halves(w.N)
	if len(out) < ep.outLen(m, n) {
		panic("kernel: product: short out")
	}
	if w.K%PerWord(w.Format) != 0 {
		panic("kernel: product: K is no multiple of the weights of a word")
	}
	if w.stored() && w.Format != BFloat16 {
		panic("kernel: product: stored weights for integers")
	}
	if m == 0 || w.N == 0 {
		return Phase{}
	}
	p := &rounded{out: out, a: a, m: m, w: w, ep: ep, n: n, halves: halves, native: dots.bf16, ready: ready}
	if w.Format == Int8 {
		p.native = dots.vnni
	}
	p.words = w.K
	if p.native {
		p.words /= PerWord(w.Format)
	}
	p.panels, p.tiles = ceilDiv(n, panel), ceilDiv(m, tileRows)
	return byThreads(func(threads int) Phase {
		q := *p
		q.split(threads)
		return Phase{Tasks: q.tasks(), Scratch: q.scratch(ceilDiv(q.tiles, q.blocks)), Run: q.run, Size: q.size}
	})
}

// scratch is what a task of some tiles needs: the rounded rows, their scales, a tile
// of sums, offsets and, for processors without the instruction, a panel of weights.
func (p *rounded) scratch(tiles int) int {
	n := tiles*tileRows + p.halves*tileRows*panel + tileRows
	if !p.ready || !p.native {
		n += tiles * tileRows * p.words
	}
	if !p.native || p.w.stored() {
		n += p.halves*p.w.K*panel + p.w.storedLen(p.w.K) + tileRows*panel
	}
	return n
}

func (p *rounded) run(task int, scratch []float32) {
	first, last, left, right := p.byRows(task)
	from, to := p.m*first/p.tiles, p.m*last/p.tiles
	sums, offsets := take(&scratch, p.halves*tileRows*panel), int32s(take(&scratch, tileRows))
	scales := take(&scratch, to-from)
	rows := p.rows(&scratch, scales, from, to)
	for r := range offsets {
		offsets[r] = int32(r * p.words)
	}
	var wide, part, temp []float32
	if !p.native || p.w.stored() {
		wide, part = take(&scratch, p.halves*p.w.K*panel), take(&scratch, tileRows*panel)
		temp = take(&scratch, p.w.storedLen(p.w.K))
	}

	t := tile{offsets: offsets, taps: 1, k: p.words, ldc: panel, fetch: ceilDiv(4*panel, last-first)}
	for col := left; col < right; col++ {
		cols := min(panel, p.n-col*panel)
		t.narrow = cols <= panel/2
		for half := 0; half < p.halves && wide != nil; half++ {
			p.widen(wide[half*p.w.K*panel:], temp, col+half*p.panels)
		}
		for i := first; i < last; i++ {
			row, next := p.m*i/p.tiles, p.m*(i+1)/p.tiles
			t.rows, t.a = next-row, rows[(row-from)*p.words:]
			t.out, t.stride = p.ep.at(p.out, p.n, row, col*panel)
			for half := range p.halves {
				number := col + half*p.panels
				t.c = sums[half*tileRows*panel:][:tileRows*panel]
				if wide == nil {
					t.b = p.w.panel(number)
					at := (number+1)*len(t.b) + (i-first)*t.k*t.fetch/4 // of the next panel
					t.next = p.w.Data[min(at, len(p.w.Data)-1):]
				} else {
					t.b = wide[half*p.w.K*panel:]
				}
				p.multiply(&t, number, scales[row-from:], part)
			}
			p.ep.store(p.out, sums, p.n, row, t.rows, col*panel, cols)
		}
	}
}

// widen writes a panel as the products want it, for weights or processors for which it is
// not so in memory. It works in temp.
func (p *rounded) widen(dst, temp []float32, number int) {
	if !p.w.stored() {
		p.w.widen(dst, number)
		return
	}
	p.w.storedPanel(dst, temp, number, 0, p.w.K/max(p.w.Taps, 1))
	pairRows(dst, p.w.K/2, panel)
	if !p.native {
		widenPairs(dst, p.w.K/2, panel)
	}
}

// multiply runs a tile of a panel of w.
func (p *rounded) multiply(t *tile, col int, scales, part []float32) {
	switch {
	case p.w.Format == BFloat16 && p.native:
		multiplyBF16(t)
	case p.w.Format == BFloat16:
		multiply(t)
	case p.native:
		multiplyInt8(t)
		dequantise(t.c, &p.w, col, scales, t.rows)
	default:
		multiplyIntegers(t, part)
		dequantise(t.c, &p.w, col, scales, t.rows)
	}
}

// round writes a row of A as words, or as float32s of the same values in the order of
// the products, and returns its scale.
func (p *rounded) round(dst, src []float32) float32 {
	if p.w.Format == BFloat16 {
		roundPairs(dst, src, p.native)
		return 1
	}
	scale, inverse := scaleOf(Largest(src))
	if p.native {
		quantise(bytes(dst), src, inverse)
		return scale
	}
	for i, v := range src {
		dst[i] = float32(int32(integer(v, inverse)) + 128)
	}
	return scale
}

// maxInteger is the largest magnitude of a quantised number.
const maxInteger = 127

// scaleOf returns the scale for numbers up to max and its inverse. Zeros have the
// scale 0, and a row with NaN or infinity NaN, which its products then are.
func scaleOf(max float32) (scale, inverse float32) {
	switch {
	case max == 0:
		return 0, 0
	case max-max != 0:
		return float32(math.NaN()), 0
	}
	if inverse = maxInteger / max; inverse > math.MaxFloat32 {
		return 0, 0 // subnormal
	}
	return max / maxInteger, inverse
}

// integer rounds x·inverse to the nearest, ties to even.
func integer(x, inverse float32) int8 {
	const magic = 3 << 22 // numbers of this size have no fractions
	return int8(float32(float32(x*inverse)+magic) - magic)
}

func largestGeneric(x []float32) float32 {
	var most uint32
	for _, v := range x {
		most = max(most, math.Float32bits(v)&^(1<<31))
	}
	return math.Float32frombits(most)
}

func quantiseGeneric(dst []uint8, src []float32, inverse float32) {
	for i, v := range src {
		dst[i] = uint8(int32(integer(v, inverse)) + 128)
	}
}

func roundBFloat16sGeneric(dst []uint16, src []float32) {
	for i, v := range src {
		dst[i] = bfloat16(v)
	}
}

// dequantise turns the exact sums [rows][32] of a tile into float32s.
func dequantiseGeneric(c []float32, w *Packed, col int, rowScales []float32, rows int) {
	scales, corrections := w.scales(col)
	for r := range rows {
		row := c[r*panel:][:panel]
		for j, sum := range int32s(row) {
			row[j] = float32(float32(sum-corrections[j])*scales[j]) * rowScales[r]
		}
	}
}

// multiplyIntegers is the product of a tile of integers that are held as float32s.
// Sums of up to exactK products are exact; longer ones are added up as integers.
func multiplyIntegers(t *tile, part []float32) {
	const exactK = 512 // 255·127·512 < 2²⁴
	sums := int32s(t.c)
	clear(sums[:t.rows*panel])
	p := *t
	p.c, p.next, p.out = part, nil, nil
	for k := 0; k < t.k; k += exactK {
		p.a, p.b, p.k = t.a[k:], t.b[k*panel:], min(exactK, t.k-k)
		multiply(&p)
		for i, v := range part[:t.rows*panel] {
			if i%panel < panel/2 || !t.narrow {
				sums[i] += int32(v)
			}
		}
	}
}

// bytes is the same memory as integers of 8 bits.
func bytes(x []float32) []uint8 {
	return unsafe.Slice((*uint8)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}
