package kernel

// grid cuts a product of tiles of rows by panels of columns into tasks, each a block of
// tiles times a band of panels.
type grid struct{ tiles, panels, blocks, bands int }

func (g grid) tasks() int { return g.blocks * g.bands }

// atLeast makes so many tasks or more, as far as there are panels and tiles: more bands, and
// if that is not enough more blocks.
func (g *grid) atLeast(least int) {
	if g.tasks() < least {
		g.bands = min(g.panels, ceilDiv(least, g.blocks))
	}
	if g.tasks() < least {
		g.blocks = min(g.tiles, ceilDiv(least, g.bands))
	}
}

// byRows returns the tiles [first, last) and the panels [left, right) of a task, where
// those that follow each other share their rows.
func (g grid) byRows(task int) (first, last, left, right int) {
	return g.cell(task/g.bands, task%g.bands)
}

// byColumns is byRows where tasks that follow each other share their panels.
func (g grid) byColumns(task int) (first, last, left, right int) {
	return g.cell(task%g.blocks, task/g.blocks)
}

func (g grid) cell(block, band int) (first, last, left, right int) {
	return g.tiles * block / g.blocks, g.tiles * (block + 1) / g.blocks, g.panels * band / g.bands, g.panels * (band + 1) / g.bands
}

// area is the size of a task: see [Phase].Size.
func area(first, last, left, right int) float64 { return float64((last - first) * (right - left)) }

// evenly chooses blocks and bands for a number of threads, near to a cut that the caches
// like: where there are not many tasks for each thread, those which leave the least to the
// one that has most of it. A task takes the products of its tiles with its panels, and
// about as long as one more of each for what it reads.
func (g *grid) evenly(threads int) {
	longest := func(blocks, bands int) int {
		t, p := ceilDiv(g.tiles, blocks), ceilDiv(g.panels, bands)
		return ceilDiv(blocks*bands, threads) * (t*p + t + p)
	}
	most := manyTasks * threads
	if g.tasks() >= most {
		return
	}
	best, least := *g, longest(g.blocks, g.bands)
	for a := g.blocks - g.blocks/8; a <= min(g.tiles, most); a++ {
		for b := g.bands - g.bands/8; b <= min(g.panels, most/a); b++ {
			if n := longest(a, b); pays(n, least) {
				best.blocks, best.bands, least = a, b, n
			}
		}
	}
	*g = best
}

// pays says whether a cut is worth its smaller tasks: it takes 1/16 less time than another.
func pays(time, other int) bool { return 16*time < 15*other }
