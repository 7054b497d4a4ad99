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
	return s.Batch * s.Heads * (PackedLen(s.HeadDim, s.Keys) + PackedLen(s.Keys, s.HeadDim))
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
	split := s.Batch * s.Heads * PackedLen(s.HeadDim, s.Keys)
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
	lenK, lenV := PackedLen(a.HeadDim, a.Keys), PackedLen(a.Keys, a.HeadDim)
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

// run computes one block of queries of one head.
func (a *attention) run(task int, scratch []float32) {
	head, block := task/a.blocks, task%a.blocks
	batch, col := head/a.Heads, head%a.Heads*a.HeadDim
	first, last := a.Queries*block/a.blocks, a.Queries*(block+1)/a.blocks
	rows := last - first
	kt, vt := a.head(head)

	scores, rest := scratch[:a.rows*a.sCols], scratch[a.rows*a.sCols:]
	sums, rest := rest[:a.rows*a.oCols], rest[a.rows*a.oCols:]
	maxima, rest := rest[:a.rows], rest[a.rows:]
	norms, rest := rest[:a.rows], rest[a.rows:]
	offsets := int32s(rest[:a.rows])
	keys := a.Keys // that this block sees
	if a.Causal {
		keys = min(keys, last)
	}
	for key := 0; key < keys; key += keyTile {
		n := min(keyTile, keys-key)

		q := tile{taps: 1, k: a.HeadDim, ldc: a.sCols}
		for r := range rows {
			offsets[r] = int32(r * a.QStride)
		}
		for j := 0; j < n; j += panel {
			q.b = kt[(key+j)*a.HeadDim:][:a.HeadDim*panel]
			q.narrow = n-j <= panel/2
			q.a = a.q[(batch*a.Queries+first)*a.QStride+col:]
			q.next = kt[min(len(kt)-1, (key+j+panel)*a.HeadDim):]
			a.multiply(&q, scores[j:], offsets, rows)
		}

		for r := range rows {
			seen := n
			if a.Causal {
				seen = max(0, min(n, first+r+1-key))
			}
			row := scores[r*a.sCols:][:a.sCols]
			clear(row[seen:n])
			if seen == 0 {
				continue
			}
			if key == 0 {
				maxima[r], norms[r] = row[0], 0
			}
			var rescale float32
			maxima[r], norms[r], rescale = softmaxRow(row[:seen], a.Scale, maxima[r], norms[r])
			if key > 0 && rescale != 1 {
				o := sums[r*a.oCols:][:roundUp(a.HeadDim, panel/2)]
				scaleRow(o, o, rescale)
			}
		}

		p := tile{taps: 1, k: n, ldc: a.oCols, add: key > 0}
		for r := range rows {
			offsets[r] = int32(r * a.sCols)
		}
		for j := 0; j < a.HeadDim; j += panel {
			p.b = vt[j*a.Keys+key*panel:][:n*panel]
			p.narrow = a.HeadDim-j <= panel/2
			p.a = scores
			p.next = vt[min(len(vt)-1, (j+panel)*a.Keys+key*panel):]
			a.multiply(&p, sums[j:], offsets, rows)
		}
	}

	for r := range rows {
		row := a.out[(batch*a.Queries+first+r)*a.OutStride+col:][:a.HeadDim]
		scaleRow(row, sums[r*a.oCols:][:a.HeadDim], 1/norms[r])
	}
}

// multiply runs a tile for all rows of a block, while it fetches t.next, the
// next panel.
func (a *attention) multiply(t *tile, c []float32, offsets []int32, rows int) {
	tiles := ceilDiv(rows, tileRows)
	t.step = ceilDiv(4*panel, tiles)
	next := t.next
	for i := range tiles {
		from, to := rows*i/tiles, rows*(i+1)/tiles
		t.c, t.rows = c[from*t.ldc:], to-from
		t.offsets = offsets[from:]
		t.next = next[min(len(next)-1, i*t.k*t.step/4):]
		multiply(t)
	}
}

func roundUp(n, to int) int { return ceilDiv(n, to) * to }
