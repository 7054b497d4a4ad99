package kernel

const (
	roundedFloats = 96 << 10  // words of a block's rows
	roundedOps    = 120 << 20 // multiply-adds of a task: 0.25 ms at 500 GFLOP/s
	roundedPanels = 8         // fewest panels of a task, which pay for rounding the rows
	roundedTiles  = 4         // fewest tiles of a block, which pay for reading the weights
)

// split chooses the tasks for a number of threads. Those that follow each other share
// their rows.
func (p *rounded) split(threads int) {
	p.blocks = ceilDiv(p.tiles, max(1, roundedFloats/(p.words*tileRows)))
	work := ceilDiv(p.tiles, p.blocks) * tileRows * p.w.K * p.w.N
	p.bands = max(1, min(p.panels*p.halves/roundedPanels, ceilDiv(work, roundedOps)))
	least := leastTasks(threads)
	if p.tasks() < least { // rather more blocks, whose rows are rounded once
		p.blocks = max(p.blocks, min(p.tiles/roundedTiles, ceilDiv(least, p.bands)))
	}
	p.atLeast(least)
	p.evenly(threads)
}

func (p *rounded) size(task int) float64 { return area(p.byRows(task)) }
