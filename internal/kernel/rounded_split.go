package kernel

const (
	roundedFloats = 96 << 10  // words of a block's rows
	roundedOps    = 120 << 20 // multiply-adds of a task: 0.25 ms at 500 GFLOP/s
	roundedPanels = 8         // fewest panels of a task, which pay for rounding the rows
	roundedTiles  = 4         // fewest tiles of a block, which pay for reading the weights
)

// split chooses the tasks for a number of threads.
func (p *rounded) split(threads int) {
	p.blocks = ceilDiv(p.tiles, max(1, roundedFloats/(p.words*tileRows)))
	work := ceilDiv(p.tiles, p.blocks) * tileRows * p.w.K * p.w.N
	p.bands = max(1, min(p.panels*p.halves/roundedPanels, ceilDiv(work, roundedOps)))
	least := leastTasks(threads)
	if p.blocks*p.bands < least { // rather more blocks, whose rows are rounded once
		p.blocks = max(p.blocks, min(p.tiles/roundedTiles, ceilDiv(least, p.bands)))
	}
	if p.blocks*p.bands < least {
		p.bands = min(p.panels, ceilDiv(least, p.blocks))
	}
	if p.blocks*p.bands < least {
		p.blocks = min(p.tiles, ceilDiv(least, p.bands))
	}
	p.blocks, p.bands = evenly(p.blocks, p.tiles, p.bands, p.panels, threads)
}

// part returns the tiles [first, last) and the panels [left, right) of a task. Tasks that
// follow each other share their rows.
func (p *rounded) part(task int) (first, last, left, right int) {
	block, band := task/p.bands, task%p.bands
	first, last = p.tiles*block/p.blocks, p.tiles*(block+1)/p.blocks
	return first, last, p.panels * band / p.bands, p.panels * (band + 1) / p.bands
}

// size is that of a task: see [Phase].Size.
func (p *rounded) size(task int) float64 {
	first, last, left, right := p.part(task)
	return float64((last - first) * (right - left))
}
