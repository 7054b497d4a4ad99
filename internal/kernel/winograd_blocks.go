package kernel

import "unsafe"

// winBlocks is a Winograd convolution of few channels. All weights are transformed first.
// Then a task takes a block of tiles and all panels of outputs, so that what it transforms
// stays in the caches of its core, and what tasks share is only read.
//
//	x       image    ─────────────────────────────
//	                  ↓ norm, activation, if any: six rows at a time
//	rows    task      ↓ transform
//	v       task      ↓ product with the weights of a panel     for each panel
//	sums    task      ↓ transform, epilogue                     for each panel
//	out     image    ─────────────────────────────
type winBlocks struct {
	*winograd
	filters []float32 // [panels][36][filterStride], of which [InC][32] are weights
	norm    *winNorm  // nil: x is what is convolved
}

const (
	winBlockRows     = 3   // most tiles of a block from top to bottom,
	winBlockCols     = 8   // and from left to right
	winBlockChannels = 256 // most channels: a block's transform takes 0.9 MB
)

// byBlocks says whether the convolution is a winBlocks: its weights must take no more
// memory than the transformed input, of which a round has winWork.
func (a *winograd) byBlocks() bool {
	weights := ceilDiv(a.OutC, panel) * panel
	return a.factors == winFloats && a.InC <= winBlockChannels && weights <= a.tiles && winPoints*a.InC*weights <= winWork
}

// filterStride is the distance from point to point of a panel's weights: see matrices.
func (a *winograd) filterStride() int { return a.InC*panel + 16 }

// filtersLen is the float32s of all weights.
func (a *winograd) filtersLen() int { return ceilDiv(a.OutC, panel) * winPoints * a.filterStride() }

// panel is the transformed weights from a panel on.
func (b *winBlocks) panel(p int) []float32 { return b.filters[p*winPoints*b.filterStride():] }

func (b *winBlocks) phases() []Phase {
	return []Phase{b.transformFilters(), byThreads(b.convolve)}
}

// transformFilters is the phase that transforms the weights: a chunk of a panel a task.
func (b *winBlocks) transformFilters() Phase {
	chunks := len(b.chunks)
	return Phase{
		Tasks:   ceilDiv(b.OutC, panel) * chunks,
		Scratch: b.storedLen() + b.w.storedLen(winChunk),
		Run: func(task int, scratch []float32) {
			p, chunk := task/chunks, task%chunks
			channel := b.channels(chunk)
			f := weights{dst: b.panel(p)[channel*panel:], stride: b.filterStride(), channels: b.chunks[chunk]}
			b.read(&f, p, channel, take(&scratch, b.storedLen()), scratch)
			transformWeights(&f, b.w.Format)
		},
		Work: float64(ceilDiv(b.OutC, panel) * panel * b.InC * winPoints * winWeights / winProducts),
	}
}

// read makes f read panel p from a channel on. Stored weights become taps first.
func (a *winograd) read(f *weights, p, channel int, taps, widened []float32) {
	if a.w.stored() {
		a.w.storedPanel(taps, widened, p, channel, f.channels)
		f.src, f.tap = unsafe.Pointer(&taps[0]), f.channels*panel
		return
	}
	f.src, f.tap = a.w.at(p*a.w.K+channel), a.InC*panel
}

// convolve is the phase of the blocks, which are smaller if they were few for the threads.
func (b *winBlocks) convolve(threads int) Phase {
	rows, cols := winBlockRows, winBlockCols
	blocks := func() (down, across int) { return ceilDiv(b.tilesY, rows), ceilDiv(b.tilesX, cols) }
	down, across := blocks()
	for b.N*down*across < manyTasks*threads && cols > 1 {
		if rows > 1 {
			rows--
		} else {
			cols--
		}
		down, across = blocks()
	}
	largest := winTiles{bottom: ceilDiv(b.tilesY, down), right: ceilDiv(b.tilesX, across)}
	return Phase{
		Tasks:   b.N * down * across,
		Scratch: b.blockScratch(largest),
		Run: func(task int, scratch []float32) {
			n, y, x := task/(down*across), task/across%down, task%across
			b.block(winTiles{n, b.tilesY * y / down, b.tilesY * (y + 1) / down, b.tilesX * x / across, b.tilesX * (x + 1) / across}, scratch)
		},
		Work: float64(b.tiles * winPoints * b.InC * (ceilDiv(b.OutC, panel)*panel + moved)),
	}
}

// winTiles are some tiles of image n: the rows from top to bottom, from left to right.
type winTiles struct{ n, top, bottom, left, right int }

func (t winTiles) rows() int { return t.bottom - t.top }
func (t winTiles) cols() int { return t.right - t.left }
func (t winTiles) len() int  { return t.rows() * t.cols() }
