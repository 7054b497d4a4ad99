package kernel

// tileBlock is a block of tiles, and the scratch of its task.
type tileBlock struct {
	*winBlocks
	winTiles
	v       []float32 // [36][vStride], of which [tiles][InC] are the transformed input
	sums    []float32 // [36][sumStride], of which [tiles][32] are products
	rows    []float32 // [6][4·cols+2][InC], normalised
	pixels  []float32
	temp    []float32
	offsets []int32 // [36]
	starts  []int32 // [12], where in v the rows of a product are
}

func (b *winBlocks) vStride(t winTiles) int { return t.len()*b.InC + 16 }
func sumStride(t winTiles) int              { return t.len()*panel + 16 }

// blockScratch is the scratch of a task.
func (b *winBlocks) blockScratch(t winTiles) int {
	return winPoints*(b.vStride(t)+sumStride(t)) + b.rowsLen(t) + winRun*16*panel + winPoints*16 + winPoints + tileRows
}

// block convolves some tiles.
func (b *winBlocks) block(t winTiles, scratch []float32) {
	k := tileBlock{winBlocks: b, winTiles: t}
	k.v, k.sums = take(&scratch, winPoints*b.vStride(t)), take(&scratch, winPoints*sumStride(t))
	k.rows = take(&scratch, b.rowsLen(t))
	k.pixels, k.temp = take(&scratch, winRun*16*panel), take(&scratch, winPoints*16)
	k.offsets, k.starts = int32s(take(&scratch, winPoints)), int32s(take(&scratch, tileRows))
	for r := range k.starts {
		k.starts[r] = int32(r * b.InC)
	}

	k.transform()
	for p := range ceilDiv(b.OutC, panel) {
		k.multiply(p)
		for row := range t.rows() {
			b.store(k.sums[row*t.cols()*panel:], sumStride(t), k.number(row, 0), t.cols(), p, k.pixels, k.temp)
		}
	}
}

// number is the number of a tile of the block among all tiles.
func (k *tileBlock) number(row, col int) int {
	return (k.n*k.tilesY+k.top+row)*k.tilesX + k.left + col
}

// transform writes the patches of the tiles.
func (k *tileBlock) transform() {
	p := patch{x: k.x, zero: k.zero, offsets: k.offsets, temp: k.temp, stride: k.vStride(k.winTiles), channels: k.InC}
	if k.norm != nil {
		p.x = k.rows
	}
	for row := range k.winTiles.rows() {
		if k.norm != nil {
			k.normalise(row)
		}
		for col := range k.cols() {
			if k.norm != nil {
				k.locateNormed(row, col)
			} else {
				k.locate(k.offsets, k.number(row, col))
			}
			p.dst = k.v[(row*k.cols()+col)*k.InC:]
			transformPatch(&p)
		}
	}
}

// multiply computes the sums of panel p.
func (k *tileBlock) multiply(p int) {
	u, n := k.panel(p), k.len()
	tiles, chunks := ceilDiv(n, tileRows), ceilDiv(k.InC, winChunk)
	t := tile{zero: k.zero, offsets: k.starts, taps: 1, ldc: panel, narrow: k.OutC-p*panel <= panel/2, stride: k.OutC, fetch: 64}
	for point := range winPoints {
		for chunk := range chunks {
			channel, next := k.InC*chunk/chunks, k.InC*(chunk+1)/chunks
			t.k, t.add = next-channel, chunk > 0
			at := point*k.filterStride() + channel*panel
			t.b = u[at:][:t.k*panel]
			for j := range tiles {
				row, last := n*j/tiles, n*(j+1)/tiles
				t.a, t.rows = k.v[point*k.vStride(k.winTiles)+row*k.InC+channel:], last-row
				t.c = k.sums[point*sumStride(k.winTiles)+row*panel:]
				// A share of the weights that come next.
				t.next = u[min(at+t.k*panel*(tiles+j)/tiles, len(u)-1):]
				t.out = k.soon(p, (point*chunks+chunk)*tiles+j, t.rows)
				multiply(&t)
			}
		}
	}
}

// soon returns what product i of a panel is to fetch: some pixels of the output, until all
// of the block's are on their way, and then those of the residual.
func (k *tileBlock) soon(p, i, pixels int) []float32 {
	pieces := ceilDiv(winTile*k.cols(), tileRows) // of a row of pixels
	of := k.out
	if all := winTile * k.winTiles.rows() * pieces; i >= all {
		of, i = k.ep.Residual, i-all
	}
	y, x := k.top*winTile+i/pieces, k.left*winTile+i%pieces*tileRows
	if y >= min(k.OutH, k.bottom*winTile) || x >= k.OutW || of == nil {
		return nil
	}
	pixel := min((k.n*k.OutH+y)*k.OutW+x, k.N*k.OutH*k.OutW-pixels)
	return of[pixel*k.OutC+p*panel:]
}
