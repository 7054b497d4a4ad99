package kernel

import "math"

// Winograd says whether [Winograd] can do the convolution: 3×3 with stride 1
// and a multiple of 16 input channels.
func (s ConvShape) Winograd() bool {
	return s.KH == 3 && s.KW == 3 && s.Stride == 1 && s.InC%16 == 0
}

// WinogradWork returns the float32s of shared work space of [Winograd].
func WinogradWork(s ConvShape) int {
	w := newWinograd(s)
	return winPoints * w.pointStride()
}

// Winograd is [Conv2D] for shapes that s.Winograd() accepts. It needs a third
// of the time, at a relative error of about 1e-6 instead of 2e-7.
func Winograd(out, x []float32, s ConvShape, w WinogradWeights, ep Epilogue, work []float32) []Phase {
	switch {
	case !s.Winograd():
		panic("kernel: winograd: not 3×3 with stride 1 and a multiple of 16 channels")
	case w.In != s.InC || w.Out != s.OutC:
		panic("kernel: winograd: weights of another shape")
	case len(x) < s.N*s.H*s.W*s.InC:
		panic("kernel: winograd: short input")
	case len(x) > math.MaxInt32:
		panic("kernel: winograd: input of more than 2^31 float32s")
	case len(out) < s.N*s.OutH*s.OutW*s.OutC:
		panic("kernel: winograd: short out")
	case len(work) < WinogradWork(s):
		panic("kernel: winograd: short work space")
	}
	ep.check(s.N*s.OutH*s.OutW, s.OutC)

	a := newWinograd(s)
	a.out, a.x, a.w, a.ep, a.work = out, x, w, ep, work
	a.zero = make([]float32, s.InC)
	a.ys = sources(a.tilesY*winTile+2, s.PadTop, s.H, s.UpH, s.W*s.InC)
	a.xs = sources(a.tilesX*winTile+2, s.PadLeft, s.W, s.UpW, s.InC)
	var phases []Phase
	for first := 0; first < a.tiles; first += a.round {
		n := min(a.round, a.tiles-first)
		blocks := ceilDiv(n, winBlock)
		groups := ceilDiv(ceilDiv(s.OutC, panel), a.group)
		phases = append(phases,
			Phase{
				Tasks:   ceilDiv(n, winTask),
				Scratch: winPoints + winPoints*16,
				Run: func(task int, scratch []float32) {
					a.transform(first, task*winTask, min((task+1)*winTask, n), scratch)
				},
			},
			Phase{
				Tasks:   blocks * groups,
				Scratch: winPoints*(winBlock*a.group*panel+16) + winRun*16*panel + winPoints*16 + tileRows,
				Run: func(task int, scratch []float32) {
					group, block := task/blocks, task%blocks
					a.multiply(first, n*block/blocks, n*(block+1)/blocks, group, scratch)
				},
			})
	}
	return phases
}

type winograd struct {
	ConvShape
	out, x, zero, work    []float32
	w                     WinogradWeights
	ep                    Epilogue
	ys, xs                []int32
	tilesY, tilesX, tiles int
	round                 int // tiles that are transformed together
	group                 int // panels of one task
}

const (
	winTask  = 8       // tiles that one task transforms
	winBlock = 72      // tiles that one task multiplies
	winGroup = 2       // most panels of outputs that one task computes
	winRun   = 8       // tiles side by side that are stored together
	winWork  = 8 << 20 // float32s of transformed input at once
)

func newWinograd(s ConvShape) *winograd {
	a := &winograd{ConvShape: s, tilesY: ceilDiv(s.OutH, winTile), tilesX: ceilDiv(s.OutW, winTile)}
	a.tiles = s.N * a.tilesY * a.tilesX
	a.group = 1
	if s.InC <= 640 { // otherwise the work is enough
		a.group = winGroup
	}
	a.round = min(a.tiles, max(winBlock, winWork/(winPoints*s.InC)/winBlock*winBlock))
	return a
}

// pointStride is the distance of the 36 matrices [round InC] in the work
// space, off the powers of two, which share cache sets.
func (a *winograd) pointStride() int { return a.round*a.InC + 16 }

// transform writes the patches of the tiles [from, to) of a round.
func (a *winograd) transform(first, from, to int, scratch []float32) {
	offsets := int32s(scratch[:winPoints])
	p := patch{
		x: a.x, zero: a.zero, offsets: offsets, temp: scratch[winPoints:],
		stride: a.pointStride(), channels: a.InC,
	}
	for t := from; t < to; t++ {
		n, y, x := a.position(first + t)
		image := int32(n * a.H * a.W * a.InC)
		for i, py := range a.ys[y:][:winPatch] {
			for j, px := range a.xs[x:][:winPatch] {
				at := int32(-1)
				if py >= 0 && px >= 0 {
					at = image + py + px
				}
				offsets[i*winPatch+j] = at
			}
		}
		p.dst = a.work[t*a.InC:]
		transformPatch(&p)
	}
}

// position returns the image and the first output pixel of a tile.
func (a *winograd) position(tile int) (n, y, x int) {
	return tile / (a.tilesX * a.tilesY), tile / a.tilesX % a.tilesY * winTile, tile % a.tilesX * winTile
}

// multiply computes a group of panels of the tiles [from, to) of a round.
func (a *winograd) multiply(first, from, to, group int, scratch []float32) {
	left, right := group*a.group, min((group+1)*a.group, ceilDiv(a.OutC, panel))
	cols := (right - left) * panel
	stride := (to-from)*cols + 16
	products, rest := scratch[:winPoints*stride], scratch[winPoints*stride:]
	pixels, rest := rest[:winRun*16*panel], rest[winRun*16*panel:]
	temp, rest := rest[:winPoints*16], rest[winPoints*16:]
	offsets := int32s(rest[:tileRows])
	for r := range offsets {
		offsets[r] = int32(r * a.InC)
	}

	rowTiles := ceilDiv(to-from, tileRows)
	panels := ceilDiv(a.OutC, panel)
	t := tile{zero: a.zero, offsets: offsets, taps: 1, k: a.InC, ldc: cols}
	for point := range winPoints {
		v := a.work[point*a.pointStride()+from*a.InC:]
		for i := range rowTiles {
			row, last := (to-from)*i/rowTiles, (to-from)*(i+1)/rowTiles
			t.a, t.rows = v[row*a.InC:], last-row
			for p := left; p < right; p++ {
				t.b = a.w.Data[(point*panels+p)*a.InC*panel:][:a.InC*panel]
				t.c = products[point*stride+row*cols+(p-left)*panel:]
				a.fetch(&t, point, from+row, p, p-left, i, rowTiles)
				multiply(&t)
			}
		}
	}

	u := unpatch{temp: temp, stride: stride}
	for i := 0; i < to-from; {
		n, y, x := a.position(first + from + i)
		run := min(winRun, to-from-i, a.tilesX-x/winTile) // tiles side by side
		u.row = run * winTile * panel
		for p := left; p < right; p++ {
			for j := range run {
				u.src = products[(i+j)*cols+(p-left)*panel:]
				u.dst = pixels[j*winTile*panel:]
				transformProducts(&u)
			}
			for dy := range min(winTile, a.OutH-y) {
				row := (n*a.OutH+y+dy)*a.OutW + x
				a.ep.store(a.out, pixels[dy*u.row:], a.OutC, row, min(run*winTile, a.OutW-x), p*panel, min(panel, a.OutC-p*panel))
			}
		}
		i += run
	}
}

// fetch makes tile i of n prefetch what the next point needs: the rows of the
// input in the first of several panels, the weights in the others.
func (a *winograd) fetch(t *tile, point, row, p, nth, i, n int) {
	if nth == 0 && a.group > 1 {
		t.step = 4 * tileRows
		t.next = a.work[min(len(a.work)-1, (point+1)*a.pointStride()+row*a.InC):]
		return
	}
	if nth > 0 { // and those of the first
		p, n = p-1, ceilDiv(n, 2)
	}
	t.step = ceilDiv(4*panel, n)
	at := ((point+1)*ceilDiv(a.OutC, panel)+p)*a.InC*panel + i*a.InC*t.step/4
	t.next = a.w.Data[min(len(a.w.Data)-1, at):]
}
