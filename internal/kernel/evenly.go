package kernel

// evenly returns the blocks of tiles and the bands of panels that a product is cut into for
// a number of threads, near to a cut that the caches like: where there are not many tasks
// for each thread, that which leaves the least to the one that has most of it. A task takes
// the products of its tiles with its panels, and about as long as one more of each for what
// it reads.
func evenly(blocks, tiles, bands, panels, threads int) (int, int) {
	longest := func(blocks, bands int) int {
		t, p := ceilDiv(tiles, blocks), ceilDiv(panels, bands)
		return ceilDiv(blocks*bands, threads) * (t*p + t + p)
	}
	most := manyTasks * threads
	if blocks*bands >= most {
		return blocks, bands
	}
	bestBlocks, bestBands, least := blocks, bands, longest(blocks, bands)
	for a := blocks - blocks/8; a <= min(tiles, most); a++ {
		for b := bands - bands/8; b <= min(panels, most/a); b++ {
			if n := longest(a, b); 16*n < 15*least {
				bestBlocks, bestBands, least = a, b, n
			}
		}
	}
	return bestBlocks, bestBands
}
