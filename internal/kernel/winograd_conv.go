package kernel

import (
	"math"
	"slices"
)

// Winograd says whether [Winograd] can do the convolution: 3×3 with stride 1
// and a multiple of 16 input channels.
func (s ConvShape) Winograd() bool {
	return s.KH == 3 && s.KW == 3 && s.Stride == 1 && s.InC%16 == 0
}

// WinogradTiles is the number of tiles of an image.
func (s ConvShape) WinogradTiles() int { return ceilDiv(s.OutH, winTile) * ceilDiv(s.OutW, winTile) }

// WinogradRound is the number of tiles that are transformed together in float32, if they go
// by rounds.
func WinogradRound(s ConvShape) int { return newWinograd(s).round }

// WinogradWork returns the float32s of shared work space of [Winograd].
func WinogradWork(s ConvShape) int { return newWinograd(s).workLen() }

func (a *winograd) workLen() int {
	if a.byBlocks() {
		return a.filtersLen()
	}
	return a.roundsLen()
}

// roundsLen is the float32s of the transformed input of a round.
func (a *winograd) roundsLen() int { return winPoints * (a.round*a.words(a.InC) + 16*len(a.chunks)) }

// Winograd is [Conv2D] for shapes that s.Winograd() accepts. It needs a third
// of the time, at a relative error of about 1e-6 instead of 2e-7.
//
// It goes by blocks of tiles if its weights are few, or by rounds. out must not overlap x.
func Winograd(out, x []float32, s ConvShape, w Packed, ep Epilogue, work []float32) []Phase {
	return newWinograd(s).phases(out, x, w, ep, work)
}

func (a *winograd) phases(out, x []float32, w Packed, ep Epilogue, work []float32) []Phase {
	a.bind(out, x, w, ep)
	if len(work) < a.workLen() {
		panic("kernel: winograd: short work space")
	}
	if a.byBlocks() {
		b := &winBlocks{winograd: a, filters: work}
		return b.phases()
	}
	return a.rounds(work)
}

// rounds are pairs of phases: the first transforms the input under some tiles, the
// second multiplies. A task of the second takes a panel of outputs and, chunk by
// chunk of the input channels, transforms the weights and multiplies them with its
// tiles; chunk and sums stay in the second-level cache.
func (a *winograd) rounds(work []float32) []Phase {
	a.work = work
	var phases []Phase
	for first := 0; first < a.tiles; first += a.round {
		n := min(a.round, a.tiles-first)
		phases = append(phases,
			byThreads(func(threads int) Phase { return a.transforms(first, n, threads) }),
			byThreads(func(threads int) Phase { return a.products(first, n, threads) }))
	}
	return phases
}

// bind gives the convolution its operands.
func (a *winograd) bind(out, x []float32, w Packed, ep Epilogue) {
	s := a.ConvShape
	w.Format.mustBe("winograd", Float32, Float16)
	switch {
	case !s.Winograd():
		panic("kernel: winograd: not 3×3 with stride 1 and a multiple of 16 channels")
	case w.K != 9*s.InC || w.N != s.OutC || w.stored() && w.Taps != 9:
		panic("kernel: winograd: weights of another shape")
	case len(x) < s.N*s.H*s.W*s.InC:
		panic("kernel: winograd: short input")
	case len(x) > math.MaxInt32:
		panic("kernel: winograd: input of more than 2^31 float32s")
	case len(out) < s.N*s.OutH*s.OutW*s.OutC:
		panic("kernel: winograd: short out")
	}
	w.check("winograd")
	ep.check(s.N*s.OutH*s.OutW, s.OutC)

	a.out, a.x, a.w, a.ep = out, x, w, ep
	a.zero = make([]float32, s.InC)
	a.ys, a.xs = s.sources(a.tilesY*winTile+2, a.tilesX*winTile+2)
}

type winograd struct {
	ConvShape
	out, x, zero, work    []float32
	w                     Packed
	ep                    Epilogue
	ys, xs                []int32
	tilesY, tilesX, tiles int
	round                 int   // tiles that are transformed together
	chunks                []int // input channels that are multiplied together
	factors               winFactors
}

const (
	winBlock = 96      // most tiles that one task multiplies
	winChunk = 128     // most input channels of a chunk
	winRun   = 8       // tiles side by side that are stored together
	winWork  = 4 << 20 // float32s of transformed input at once
)

func newWinograd(s ConvShape) *winograd { return newWinogradOf(s, winFloats) }

func newWinogradOf(s ConvShape, factors winFactors) *winograd {
	a := &winograd{ConvShape: s, tilesY: ceilDiv(s.OutH, winTile), tilesX: ceilDiv(s.OutW, winTile), factors: factors}
	a.tiles = s.N * a.tilesY * a.tilesX
	a.round = ceilDiv(a.tiles, ceilDiv(a.tiles, max(factors.block(), winWork/(winPoints*a.words(s.InC)))))
	n := ceilDiv(s.InC, winChunk)
	for i := range n { // vectors of 16 channels, evenly
		a.chunks = append(a.chunks, (s.InC/16*(i+1)/n-s.InC/16*i/n)*16)
	}
	return a
}

// matrices returns the 36 matrices [round channels] of the chunk that begins at a
// channel, in the work space, and the distance between them: off the powers of two,
// which share cache sets.
func (a *winograd) matrices(chunk, channel int) (v []float32, stride int) {
	stride = a.round*a.words(a.chunks[chunk]) + 16
	return a.work[winPoints*(a.round*a.words(channel)+16*chunk):][:winPoints*stride], stride
}

// weightStride is the distance from point to point of a chunk's transformed weights.
func (a *winograd) weightStride() int { return a.words(slices.Max(a.chunks))*panel + 16 }

// storedLen is the float32s that a panel of a chunk takes when it is widened.
func (a *winograd) storedLen() int {
	if !a.w.stored() {
		return 0
	}
	return 9 * slices.Max(a.chunks) * panel
}

// position returns the image and the first output pixel of a tile.
func (a *winograd) position(tile int) (n, y, x int) {
	return tile / (a.tilesX * a.tilesY), tile / a.tilesX % a.tilesY * winTile, tile % a.tilesX * winTile
}

// multiply computes panel p of the tiles [from, to) of a round.
func (a *winograd) multiply(first, from, to, p int, scratch []float32) {
	sumStride := (to-from)*panel + 16
	sums := take(&scratch, winPoints*sumStride)
	uStride := a.weightStride()
	u := take(&scratch, winPoints*uStride)
	pixels := take(&scratch, winRun*16*panel)
	temp := take(&scratch, winPoints*16)
	offsets := int32s(take(&scratch, tileRows))
	taps, widened := take(&scratch, a.storedLen()), take(&scratch, a.w.storedLen(winChunk))

	rowTiles := ceilDiv(to-from, tileRows)
	t := tile{zero: a.zero, offsets: offsets, taps: 1, ldc: panel, narrow: a.OutC-p*panel <= panel/2}
	channel := 0
	for i, channels := range a.chunks {
		filters := weights{dst: u, stride: uStride, channels: channels}
		a.read(&filters, p, channel, taps, widened)
		a.factors.filters(&filters, a.w.Format)
		v, stride := a.matrices(i, channel)
		k := a.words(channels)
		for r := range offsets {
			offsets[r] = int32(r * k)
		}
		t.k, t.add = k, i > 0
		for point := range winPoints {
			t.b = u[point*uStride:][:k*panel]
			for j := range rowTiles {
				row, last := (to-from)*j/rowTiles, (to-from)*(j+1)/rowTiles
				at := point*stride + (from+row)*k
				t.a, t.rows = v[at:], last-row
				t.c = sums[point*sumStride+row*panel:]
				if rowTiles == 1 {
					a.nextWeights(&t, p, channel+channels, channels, point)
				} else { // the next rows, which are of the next point after the last tile
					if at += t.rows * k; j == rowTiles-1 {
						at += stride - (to-from)*k
					}
					t.next, t.fetch = v[min(at, len(v)-1):], 4*tileRows
				}
				a.factors.multiply(&t)
			}
		}
		channel += channels
	}

	a.store(sums, sumStride, first+from, to-from, p, pixels, temp)
}

// store transforms the sums of some tiles in panel p, which begin with the given one, and
// stores their pixels.
func (a *winograd) store(sums []float32, sumStride, begin, tiles, p int, pixels, temp []float32) {
	cols := min(panel, a.OutC-p*panel)
	s := unpatch{temp: temp, stride: sumStride}
	for i := 0; i < tiles; {
		n, y, x := a.position(begin + i)
		run := min(winRun, tiles-i, a.tilesX-x/winTile) // tiles side by side
		s.row = run * winTile * panel
		for j := range run {
			s.src = sums[(i+j)*panel:]
			s.dst = pixels[j*winTile*panel:]
			transformProducts(&s)
		}
		for dy := range min(winTile, a.OutH-y) {
			row := (n*a.OutH+y+dy)*a.OutW + x
			a.ep.store(a.out, pixels[dy*s.row:], a.OutC, row, min(run*winTile, a.OutW-x), p*panel, cols)
		}
		i += run
	}
}

// nextWeights makes a tile fetch a share of the weights that are transformed next,
// from a channel of panel p on, about as many as now: with few tiles, they come from
// memory. Four points share a tap.
func (a *winograd) nextWeights(t *tile, p, channel, channels, point int) {
	if a.w.stored() {
		t.next, t.fetch = nil, 0
		return
	}
	if channel == a.InC {
		p, channel = p+1, 0
	}
	row := p*a.w.K + point/4*a.InC + channel + point%4*channels/4
	t.fetch = panel * channels / t.k / 4 * a.w.Format.size()
	t.next = a.w.Data[min(row*panel/4*a.w.Format.size(), len(a.w.Data)-1):]
}
