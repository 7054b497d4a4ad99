package kernel

// AttentionShape describes scaled dot-product attention of tokens whose heads
// lie side by side: token t of batch b starts at (b*tokens+t)*stride and its
// head h at h*HeadDim after that, so q, k and v may be parts of one matrix.
type AttentionShape struct {
	Batch, Heads, HeadDim, Queries, Keys int
	QStride, KStride, VStride, OutStride int     // float32s from token to token
	Causal                               bool    // query i sees the keys 0 to i
	Scale                                float32 // positive
}

const (
	keyTile  = 512 // keys of one softmax step
	packKeys = 256 // keys that one task packs
)

// AttentionWork returns the float32s of shared work space of [Attention].
func AttentionWork(s AttentionShape) int {
	return s.Batch * s.Heads * (PackedLen(s.HeadDim, s.Keys, Float32) + PackedLen(s.Keys, s.HeadDim, Float32))
}

// Attention is softmax(q kᵀ · Scale) v for each head, in two phases: the first
// packs k and v into work, which has AttentionWork(s) float32s.
//
// No matrix of all queries by all keys exists: a task takes some queries
// through the keys 512 at a time, and corrects its sums whenever a row's
// maximum grows. Milakov and Gimelshein (2018), "Online normalizer calculation
// for softmax", algorithm 3.
// https://arxiv.org/abs/1805.02867
func Attention(out, q, k, v []float32, s AttentionShape, work []float32) []Phase {
	if s.Batch == 0 || s.Heads == 0 || s.Queries == 0 || s.Keys == 0 {
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

	a := &attention{AttentionShape: s, out: out, q: q, k: k, v: v}
	split := s.Batch * s.Heads * PackedLen(s.HeadDim, s.Keys, Float32)
	a.packedK, a.packedV = work[:split], work[split:]
	a.chunks = ceilDiv(s.Keys, packKeys)
	a.rows = s.queryRows()
	a.blocks = ceilDiv(s.Queries, a.rows)
	a.sCols = min(keyTile, roundUp(s.Keys, panel)) + 16 // off the powers of two, which share cache sets
	a.oCols = roundUp(s.HeadDim, panel)
	return []Phase{
		{Tasks: s.Batch * s.Heads * a.chunks, Run: a.pack},
		{
			Tasks:   s.Batch * s.Heads * a.blocks,
			Scratch: a.rows * (a.sCols + a.oCols + 2 + 1),
			Run:     a.run,
		},
	}
}

type attention struct {
	AttentionShape
	out, q, k, v     []float32
	packedK, packedV []float32 // per head [Keys/32][HeadDim][32] and [HeadDim/32][Keys][32]
	chunks, blocks   int       // tasks of a head when packing and when computing
	rows             int       // queries of one task
	sCols, oCols     int       // row lengths of the scores and of the sums
}

// queryRows chooses the queries of one task: many, because each task reads all
// keys and values, while there is little work in one and there are many tasks.
func (s AttentionShape) queryRows() int {
	rows := 4 * tileRows
	for rows < 16*tileRows && 4*rows*s.Keys*s.HeadDim < taskOps && s.Batch*s.Heads*s.Queries > 4*minTasks*rows {
		rows *= 2
	}
	return rows
}

// head returns the packed keys and values of one head of one image.
func (a *attention) head(i int) (k, v []float32) {
	lenK, lenV := PackedLen(a.HeadDim, a.Keys, Float32), PackedLen(a.Keys, a.HeadDim, Float32)
	return a.packedK[i*lenK:][:lenK], a.packedV[i*lenV:][:lenV]
}

// pack copies one head's keys [first, last) and their values into panels.
func (a *attention) pack(task int, _ []float32) {
	head, chunk := task/a.chunks, task%a.chunks
	first, last := chunk*packKeys, min((chunk+1)*packKeys, a.Keys)
	batch, col := head/a.Heads, head%a.Heads*a.HeadDim
	kt, vt := a.head(head)
	for key := first; key < last; key += panel {
		src := a.k[(batch*a.Keys+key)*a.KStride+col:]
		transposePanel(kt[key*a.HeadDim:], src, a.KStride, min(panel, last-key), a.HeadDim)
	}
	for key := first; key < last; key++ {
		row := a.v[(batch*a.Keys+key)*a.VStride+col:][:a.HeadDim]
		for p := 0; p*panel < a.HeadDim; p++ {
			dst := vt[(p*a.Keys+key)*panel:][:panel]
			clear(dst[copy(dst, row[p*panel:]):])
		}
	}
}

// block is a task's queries [first, first+rows) of one head.
type block struct {
	first, rows   int
	q             []float32 // the first query
	kt, vt        []float32 // the head's packed keys and values
	scores        []float32 // [rows][sCols], of one tile of keys
	sums          []float32 // [rows][oCols]: Σ exp(score - max)·v
	maxima, norms []float32 // [rows]: the largest score, Σ exp(score - max)
	offsets       []int32   // [rows]
}

// run computes one block.
func (a *attention) run(task int, scratch []float32) {
	head := task / a.blocks
	batch, col := head/a.Heads, head%a.Heads*a.HeadDim
	cut := func(n int) (x []float32) {
		x, scratch = scratch[:n], scratch[n:]
		return x
	}
	b := block{
		scores: cut(a.rows * a.sCols), sums: cut(a.rows * a.oCols),
		maxima: cut(a.rows), norms: cut(a.rows), offsets: int32s(cut(a.rows)),
	}
	b.first = a.Queries * (task % a.blocks) / a.blocks
	b.rows = a.Queries*(task%a.blocks+1)/a.blocks - b.first
	b.q = a.q[(batch*a.Queries+b.first)*a.QStride+col:]
	b.kt, b.vt = a.head(head)

	keys := a.Keys // that this block sees
	if a.Causal {
		keys = min(keys, b.first+b.rows)
	}
	for key := 0; key < keys; key += keyTile {
		n := min(keyTile, keys-key)
		a.score(&b, key, n)
		a.softmax(&b, key, n)
		a.accumulate(&b, key, n)
	}
	for r := range b.rows {
		row := a.out[(batch*a.Queries+b.first+r)*a.OutStride+col:][:a.HeadDim]
		scaleRow(row, b.sums[r*a.oCols:][:a.HeadDim], 1/b.norms[r])
	}
}

// score computes the scores q kᵀ of the keys [key, key+n).
func (a *attention) score(b *block, key, n int) {
	t := tile{a: b.q, taps: 1, k: a.HeadDim, ldc: a.sCols}
	for j := 0; j < n; j += panel {
		at := (key + j) * a.HeadDim
		t.b = b.kt[at:][:a.HeadDim*panel]
		t.narrow = n-j <= panel/2
		b.multiply(&t, b.scores[j:], a.QStride, b.kt[min(len(b.kt)-1, at+a.HeadDim*panel):])
	}
}

// softmax turns the scores into weights, and rescales what was summed under a
// smaller maximum.
func (a *attention) softmax(b *block, key, n int) {
	for r := range b.rows {
		seen := n
		if a.Causal {
			seen = max(0, min(n, b.first+r+1-key))
		}
		row := b.scores[r*a.sCols:][:n]
		clear(row[seen:])
		if seen == 0 {
			continue
		}
		if key == 0 { // any of the scores is a maximum to start from
			b.maxima[r], b.norms[r] = row[0], 0
		}
		var rescale float32
		b.maxima[r], b.norms[r], rescale = softmaxRow(row[:seen], a.Scale, b.maxima[r], b.norms[r])
		if key > 0 && rescale != 1 {
			o := b.sums[r*a.oCols:][:roundUp(a.HeadDim, panel/2)]
			scaleRow(o, o, rescale)
		}
	}
}

// accumulate adds the values of the keys [key, key+n), by weight.
func (a *attention) accumulate(b *block, key, n int) {
	t := tile{a: b.scores, taps: 1, k: n, ldc: a.oCols, add: key > 0}
	for j := 0; j < a.HeadDim; j += panel {
		at := j*a.Keys + key*panel
		t.b = b.vt[at:][:n*panel]
		t.narrow = a.HeadDim-j <= panel/2
		b.multiply(&t, b.sums[j:], a.sCols, b.vt[min(len(b.vt)-1, at+a.Keys*panel):])
	}
}

// multiply runs a tile for all rows of the block, which are stride apart in
// t.a, and meanwhile fetches next, the next panel.
func (b *block) multiply(t *tile, c []float32, stride int, next []float32) {
	for r := range b.rows {
		b.offsets[r] = int32(r * stride)
	}
	tiles := ceilDiv(b.rows, tileRows)
	t.step = ceilDiv(4*panel, tiles)
	for i := range tiles {
		from, to := b.rows*i/tiles, b.rows*(i+1)/tiles
		t.c, t.rows = c[from*t.ldc:], to-from
		t.offsets = b.offsets[from:]
		t.next = next[min(len(next)-1, i*t.k*t.step/4):]
		multiply(t)
	}
}

func roundUp(n, to int) int { return ceilDiv(n, to) * to }
