package kernel

import "math"

// AttentionShape describes scaled dot-product attention of tokens whose heads
// lie side by side: token t of batch b starts at (b*tokens+t)*stride and its
// head h at h*HeadDim after that, so q, k and v may be parts of one matrix.
type AttentionShape struct {
	Batch, Heads, HeadDim, Queries, Keys int
	QStride, KStride, VStride, OutStride int     // float32s from token to token
	Causal                               bool    // query i sees the keys 0 to i
	Scale                                float32 // positive
}

// keyTile is the most keys of one softmax step: whole tiles of 12, whose scores
// for 32 queries fit into the first-level cache.
const keyTile = 22 * tileRows

// AttentionWork returns the float32s of shared work space of [Attention].
func AttentionWork(s AttentionShape) int {
	if s.Keys == 0 {
		return 0
	}
	tiles, step := s.keyTiles()
	return s.Batch * s.Heads * tiles * s.HeadDim * valueStride(step)
}

// keyTiles splits the keys evenly, but for the last tile, in steps of whole
// tiles of 12.
func (s AttentionShape) keyTiles() (tiles, step int) {
	tiles = ceilDiv(s.Keys, keyTile)
	step = roundUp(ceilDiv(s.Keys, tiles), tileRows)
	return ceilDiv(s.Keys, step), step
}

// valueStride is the length of a row of transposed values: off the powers of
// two, which share cache sets.
func valueStride(keys int) int { return roundUp(keys, 16) + 16 }

// Attention is softmax(q kᵀ · Scale) v for each head, in two phases: the first
// transposes v into work, which has AttentionWork(s) float32s.
//
// Everything is computed transposed, with 32 queries side by side in the
// vectors: the scores K·Qᵀ [keys][32], the softmax down the columns, and the
// output Vᵀ·P [HeadDim][32]. So the keys and the rows of Vᵀ are left factors,
// which need no padding, the weights P are a right factor where they stand, and
// no sum runs across a vector.
//
// No matrix of all queries by all keys exists: a task takes some queries
// through the keys a tile at a time, and corrects its sums whenever a maximum
// grows. Milakov and Gimelshein (2018), "Online normalizer calculation for
// softmax", algorithm 3.
// https://arxiv.org/abs/1805.02867
func Attention(out, q, k, v []float32, s AttentionShape, work []float32) []Phase {
	if s.Batch == 0 || s.Heads == 0 || s.HeadDim == 0 || s.Queries == 0 || s.Keys == 0 {
		return nil
	}
	width := s.Heads * s.HeadDim
	short := func(x []float32, tokens, stride int) bool {
		return stride < width || len(x) < (s.Batch*tokens-1)*stride+width
	}
	switch {
	case short(q, s.Queries, s.QStride):
		panic("kernel: attention: short q")
	case short(k, s.Keys, s.KStride):
		panic("kernel: attention: short k")
	case short(v, s.Keys, s.VStride):
		panic("kernel: attention: short v")
	case short(out, s.Queries, s.OutStride):
		panic("kernel: attention: short out")
	case len(work) < AttentionWork(s):
		panic("kernel: attention: short work space")
	}

	if !(s.Scale > 0) {
		panic("kernel: attention: scale must be positive")
	}

	a := &attention{AttentionShape: s, out: out, q: q, k: k, v: v, values: work}
	a.tiles, a.step = s.keyTiles()
	a.vtStride = valueStride(a.step)
	a.panels = ceilDiv(s.Queries, panel)
	a.blocks = ceilDiv(a.panels, s.panelsOfTask())
	return []Phase{
		{Tasks: s.Batch * s.Heads * a.tiles, Run: a.pack},
		{
			Tasks:   s.Batch * s.Heads * a.blocks,
			Scratch: ceilDiv(a.panels, a.blocks)*a.panelLen() + a.step*panel + 2*tileRows,
			Run:     a.run,
		},
	}
}

type attention struct {
	AttentionShape
	out, q, k, v   []float32
	values         []float32 // per head [tiles][HeadDim][vtStride]
	tiles, step    int       // of keys
	vtStride       int
	panels, blocks int // of 32 queries, and tasks, of a head
}

// panelsOfTask chooses the panels of queries of one task: many, because each
// task reads all keys and values, while there is little work in one and there
// are many tasks.
func (s AttentionShape) panelsOfTask() int {
	n := 2
	for n < 32 && 4*n*panel*s.Keys*s.HeadDim < taskOps && s.Batch*s.Heads*s.Queries > 4*minTasks*n*panel {
		n *= 2
	}
	return n
}

// from returns what begins at a token of a head, which counts over the batch.
func (s AttentionShape) from(x []float32, head, tokens, token, stride int) []float32 {
	return x[(head/s.Heads*tokens+token)*stride+head%s.Heads*s.HeadDim:]
}

// pack transposes the values of one tile of keys of one head.
func (a *attention) pack(task int, _ []float32) {
	head, key := task/a.tiles, task%a.tiles*a.step
	v := a.from(a.v, head, a.Keys, key, a.VStride)
	transpose(a.values[task*a.HeadDim*a.vtStride:], a.vtStride, v, a.VStride, min(a.step, a.Keys-key), a.HeadDim)
}

// run computes one block of panels: the tiles of keys are outermost, so that
// one is read from the second-level cache for all panels but the first.
func (a *attention) run(task int, scratch []float32) {
	head, block := task/a.blocks, task%a.blocks
	first, last := a.panels*block/a.blocks, a.panels*(block+1)/a.blocks
	cut := func(n int) (x []float32) {
		x, scratch = scratch[:n], scratch[n:]
		return x
	}
	offsets := int32s(cut(2 * tileRows))
	for r := range tileRows {
		offsets[r], offsets[tileRows+r] = int32(r*a.KStride), int32(r*a.vtStride)
	}
	score := tile{offsets: offsets[:tileRows], taps: 1, k: a.HeadDim, ldc: panel}
	accumulate := tile{offsets: offsets[tileRows:], taps: 1, ldc: panel}
	scores := cut(a.step * panel)

	for i := first; i < last; i++ {
		p := a.panel(scratch, i, i-first)
		a.load(&p, head)
	}
	for t := range a.tiles {
		key := t * a.step
		k, v := a.from(a.k, head, a.Keys, key, a.KStride), a.values[(head*a.tiles+t)*a.HeadDim*a.vtStride:]
		for i := first; i < last; i++ {
			p := a.panel(scratch, i, i-first)
			n := min(a.step, a.Keys-key)
			if a.Causal {
				n = min(n, p.first+p.n-key)
			}
			if n <= 0 {
				continue
			}
			score.a, score.b, score.c, score.narrow = k, p.q, scores, p.narrow()
			score.rowsOf(n, a.KStride)
			if a.Causal {
				mask(scores, p.first, key, n)
			}
			softmaxColumns(scores, n, p.most, p.norm, p.rescale)
			if t > 0 {
				scaleColumns(p.sums, a.HeadDim, p.rescale)
			}
			accumulate.a, accumulate.b, accumulate.c, accumulate.narrow = v, scores, p.sums, p.narrow()
			accumulate.k, accumulate.add = n, t > 0
			accumulate.rowsOf(a.HeadDim, a.vtStride)
		}
	}
	for i := first; i < last; i++ {
		p := a.panel(scratch, i, i-first)
		a.store(&p, head)
	}
}

// queryPanel is up to 32 queries of one head, the columns of what is computed.
// Missing ones are zeros.
type queryPanel struct {
	first, n            int
	q                   []float32 // [HeadDim][32], scaled to give scores in units of ln 2
	sums                []float32 // [HeadDim][32]: Σ weight·v
	most, norm, rescale []float32 // [16 or 32]: see softmaxColumns
}

func (p *queryPanel) narrow() bool { return len(p.most) <= panel/2 }

// panelLen is the float32s of a panel in a task's scratch.
func (a *attention) panelLen() int { return (2*a.HeadDim + 3) * panel }

// panel is panel i of the head, number n of those in scratch.
func (a *attention) panel(scratch []float32, i, n int) queryPanel {
	scratch = scratch[n*a.panelLen():][:a.panelLen()]
	size := a.HeadDim * panel
	p := queryPanel{first: i * panel, n: min(panel, a.Queries-i*panel), q: scratch[:size], sums: scratch[size:][:size]}
	columns, scratch := roundUp(p.n, panel/2), scratch[2*size:]
	p.most, p.norm, p.rescale = scratch[:columns], scratch[panel:][:columns], scratch[2*panel:][:columns]
	return p
}

// load reads a panel of queries.
func (a *attention) load(p *queryPanel, head int) {
	transposePanel(p.q, a.from(a.q, head, a.Queries, p.first, a.QStride), a.QStride, p.n, a.HeadDim)
	scaleRow(p.q, p.q, float32(float64(a.Scale)*math.Log2E))
	for i := range p.most {
		p.most[i], p.norm[i] = softmaxStart, 0
	}
}

// mask hides from query first+i the keys after it, of n from key on.
func mask(scores []float32, first, key, n int) {
	for r := max(0, first+1-key); r < n; r++ {
		row := scores[r*panel:][:min(panel, key+r-first)]
		for i := range row {
			row[i] = float32(math.Inf(-1))
		}
	}
}

// store writes a panel's outputs.
func (a *attention) store(p *queryPanel, head int) {
	for i, sum := range p.norm {
		p.norm[i] = 1 / sum
	}
	scaleColumns(p.sums, a.HeadDim, p.norm)
	transpose(a.from(a.out, head, a.Queries, p.first, a.OutStride), a.OutStride, p.sums, panel, a.HeadDim, p.n)
}

// rowsOf runs a tile for any number of rows, which are stride apart in a: the
// offsets hold for the first 12. The split is even.
func (t tile) rowsOf(rows, stride int) {
	tiles := ceilDiv(rows, tileRows)
	few, more := rows/tiles, rows%tiles
	for i := range tiles {
		t.rows = few
		if i < more {
			t.rows++
		}
		multiply(&t)
		if i < tiles-1 {
			t.a, t.c = t.a[t.rows*stride:], t.c[t.rows*panel:]
		}
	}
}

func roundUp(n, to int) int { return ceilDiv(n, to) * to }
