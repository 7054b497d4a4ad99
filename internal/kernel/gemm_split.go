package kernel

const (
	// chunkK also bounds the call of the assembly, which cannot be preempted.
	chunkK     = 1280
	bandFloats = 128 << 10 // a band's weights in one chunk
	taskOps    = 60 << 20  // multiply-adds of a task: 0.6 ms at 200 GFLOP/s
	minTasks   = 16
	sideTiles  = 4 // fewest tiles of a product whose rows are cut in two for the caches alone
)

// split chooses the tasks for a number of threads. Few rows, which a cache holds, are one
// block, and each panel is a task by itself that fetches the next one's weights: a thread's
// tasks follow each other. Two or more threads have two blocks then, so that a thread has
// the same rows from layer to layer.
func (p *product) split(threads int) {
	perBand := max(1, bandFloats*len(p.chunks)/(p.w.K*panel*p.halves))
	if p.w.stored() && p.taps > 1 { // all chunks are widened at once
		perBand = 1
	}
	p.bands = ceilDiv(p.panels, perBand)
	work := tileRows * p.w.K * panel * p.halves * ceilDiv(p.panels, p.bands) // of a tile
	p.blocks = ceilDiv(p.tiles, max(1, taskOps/work))
	if p.blocks == 1 {
		p.bands, p.ahead = p.panels, !p.w.stored()
		if threads > 1 && p.taps == 1 && p.tiles >= sideTiles {
			p.tiles, p.blocks = roundUp(p.tiles, 2), 2
		}
	}
	p.atLeast(leastTasks(threads))
	p.evenly(threads)
}

// leastTasks are enough for threads to end at about the same time.
func leastTasks(threads int) int {
	if threads == 1 {
		return 1
	}
	return max(minTasks, 2*threads)
}

// part returns the tiles [first, last) and the panels [left, right) of a task. Tasks that
// follow each other share their rows, and those of a convolution, whose rows are large, a
// band of weights.
func (p *product) part(task int) (first, last, left, right int) {
	if p.taps > 1 {
		return p.byColumns(task)
	}
	return p.byRows(task)
}

func (p *product) size(task int) float64 { return area(p.part(task)) }

// cut divides K evenly into chunks of about chunkK.
func cut(taps, k int) []chunk {
	var chunks []chunk
	if taps > 1 {
		n := min(taps, ceilDiv(taps*k, chunkK))
		for i := range n {
			tap := taps * i / n
			chunks = append(chunks, chunk{tap: tap, taps: taps*(i+1)/n - tap, k: k})
		}
		return chunks
	}
	n := ceilDiv(k, chunkK)
	for i := range n {
		first := k * i / n
		chunks = append(chunks, chunk{taps: 1, first: first, k: k*(i+1)/n - first})
	}
	return chunks
}
