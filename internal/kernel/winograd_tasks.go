package kernel

const (
	winTask     = 8 // most tiles that one task transforms
	winRounds   = 2 // fewest tasks of the transform for each thread
	winWeights  = 50
	winProducts = 18 // cycles of a vector of weights: of their transform, and of the products with a tile
)

// transforms is the phase that transforms the input under n tiles from the first on: some
// tiles a task and, where tiles are few, some of the channels.
func (a *winograd) transforms(first, n, threads int) Phase {
	per := winTask
	for per > 1 && ceilDiv(n, per) < winRounds*threads {
		per /= 2
	}
	parts := 1
	if tasks := ceilDiv(n, per); tasks < winRounds*threads {
		parts = min(len(a.chunks), ceilDiv(winRounds*threads, tasks))
	}
	return Phase{
		Tasks:   ceilDiv(n, per) * parts,
		Scratch: winPoints + winPoints*16,
		Run: func(task int, scratch []float32) {
			from, part := task/parts*per, task%parts
			a.transform(first, from, min(from+per, n), len(a.chunks)*part/parts, len(a.chunks)*(part+1)/parts, scratch)
		},
		Work: float64(n * a.InC * winPoints * moved),
	}
}

// products is the phase that multiplies what was transformed: a panel of outputs and a
// block of tiles a task.
func (a *winograd) products(first, n, threads int) Phase {
	panels := ceilDiv(a.OutC, panel)
	blocks := a.blocks(n, panels, threads)
	return Phase{
		Tasks: blocks * panels,
		Scratch: winPoints*(ceilDiv(n, blocks)*panel+16) + winPoints*a.weightStride() +
			winRun*16*panel + winPoints*16 + tileRows + a.storedLen() + a.w.storedLen(winChunk),
		Run: func(task int, scratch []float32) {
			p, block := task/blocks, task%blocks
			a.multiply(first, n*block/blocks, n*(block+1)/blocks, p, scratch)
		},
		Work: float64(panels*panel*winPoints*a.words(a.InC)) * float64(n+blocks*winWeights/a.factors.products()),
	}
}

// blocks is how many blocks n tiles are for the products: few, as each transforms the
// weights anew, unless more of them come out so much more even for the threads.
func (a *winograd) blocks(n, panels, threads int) int {
	cost := func(blocks int) int {
		return ceilDiv(blocks*panels, threads) * (winWeights + a.factors.products()*ceilDiv(n, blocks))
	}
	best := ceilDiv(n, a.factors.block())
	for blocks := best + 1; blocks <= ceilDiv(n, tileRows) && best*panels < manyTasks*threads; blocks++ {
		if pays(cost(blocks), cost(best)) {
			best = blocks
		}
	}
	return best
}

// channels is the first input channel of a chunk.
func (a *winograd) channels(chunk int) (n int) {
	for _, c := range a.chunks[:chunk] {
		n += c
	}
	return n
}

// transform writes the patches of the tiles [from, to) of a round, in some of the chunks.
func (a *winograd) transform(first, from, to, chunk, upto int, scratch []float32) {
	offsets := int32s(scratch[:winPoints])
	p := patch{offsets: offsets, temp: scratch[winPoints:]}
	for t := from; t < to; t++ {
		a.locate(offsets, first+t)
		channel := a.channels(chunk)
		for i := chunk; i < upto; i++ {
			channels := a.chunks[i]
			var v []float32
			v, p.stride = a.matrices(i, channel)
			p.x, p.zero, p.dst, p.channels = a.x[channel:], a.zero, v[t*a.words(channels):], channels
			a.factors.patch(&p)
			channel += channels
		}
	}
}

// locate writes the offsets of the pixels under a tile.
func (a *winograd) locate(offsets []int32, tile int) {
	n, y, x := a.position(tile)
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
}
