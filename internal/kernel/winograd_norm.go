package kernel

// Norm is a group normalisation and the activation after it: see [GroupNorm].
type Norm struct {
	NormShape
	Gamma, Beta []float32
	Eps         float64
	Act         Activation
}

// WinogradByBlocks says whether [WinogradNormed] can do the convolution.
func (s ConvShape) WinogradByBlocks() bool { return s.Winograd() && newWinograd(s).byBlocks() }

// WinogradNormedWork is the length of the work that [WinogradNormed] needs.
func WinogradNormedWork(norm NormShape, s ConvShape) int {
	return roundUp(GroupNormWork(norm), lanes) + 3*s.N*s.InC + newWinograd(s).filtersLen()
}

// WinogradNormed is [GroupNorm] and [Winograd] of what it gives, which is never stored: a
// block of tiles normalises what it needs, and so some pixels twice. The bytes are those
// of one after the other. out must not overlap x.
func WinogradNormed(out, x []float32, norm Norm, s ConvShape, w Packed, ep Epilogue, work []float32) []Phase {
	if !s.WinogradByBlocks() {
		panic("kernel: winograd: not by blocks")
	}
	if norm.N != s.N || norm.Pixels != s.H*s.W || norm.C != s.InC {
		panic("kernel: winograd: normalisation of another shape")
	}
	need("winograd", "work", work, WinogradNormedWork(norm.NormShape, s))
	statistics := take(&work, roundUp(GroupNormWork(norm.NormShape), lanes))
	n := &winNorm{act: norm.Act}
	for range s.N {
		n.affines = append(n.affines, affine{take(&work, s.InC), take(&work, s.InC), take(&work, s.InC)})
	}
	combine := Phase{Tasks: s.N, Run: func(sample int, _ []float32) {
		norm.affine(n.affines[sample], statistics[sample*norm.chunks()*norm.partial():], norm.Gamma, norm.Beta, norm.Eps)
	}}
	b := &winBlocks{winograd: newWinograd(s), filters: work, norm: n}
	b.bind(out, x, w, ep)
	return append([]Phase{GroupNormStatistics(x, norm.NormShape, statistics), combine}, b.phases()...)
}

// winNorm is a normalisation whose statistics are known.
type winNorm struct {
	affines []affine // of each image
	act     Activation
}

// rowsLen is the float32s of the normalised rows of a block.
func (b *winBlocks) rowsLen(t winTiles) int {
	if b.norm == nil {
		return 0
	}
	return winPatch * rowLen(t) * b.InC
}

// rowLen is the pixels under a row of tiles.
func rowLen(t winTiles) int { return winTile*t.cols() + 2 }

// normalise writes the six rows under a row of tiles, of which two are there from the row
// before.
func (k *tileBlock) normalise(row int) {
	first := (k.top + row) * winTile
	upto := first + winPatch
	if row > 0 {
		first += winPatch - winTile
	}
	size := rowLen(k.winTiles) * k.InC
	for y := first; y < upto; y++ {
		k.normaliseRow(k.rows[y%winPatch*size:][:size], k.ys[y], k.xs[k.left*winTile:][:rowLen(k.winTiles)])
	}
}

// normaliseRow writes the pixels at xs of the row at y. Beyond the image are zeros.
func (k *tileBlock) normaliseRow(to []float32, y int32, xs []int32) {
	image := k.x[k.n*k.H*k.W*k.InC:]
	for first := 0; first < len(xs); {
		upto := first + 1
		for upto < len(xs) && xs[upto] == xs[upto-1]+int32(k.InC) && xs[first] >= 0 { // side by side
			upto++
		}
		if part := to[first*k.InC : upto*k.InC]; y >= 0 && xs[first] >= 0 {
			normaliseRows(part, image[y+xs[first]:][:len(part)], k.InC, k.norm.affines[k.n], k.norm.act)
		} else {
			clear(part)
		}
		first = upto
	}
}

// locateNormed finds the pixels under a tile among the normalised rows.
func (k *tileBlock) locateNormed(row, col int) {
	for i := range winPatch {
		y := ((k.top+row)*winTile + i) % winPatch
		first := (y*rowLen(k.winTiles) + col*winTile) * k.InC
		for j := range winPatch {
			k.offsets[i*winPatch+j] = int32(first + j*k.InC)
		}
	}
}
