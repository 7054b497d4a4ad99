package kernel

// AttentionShape describes scaled dot-product attention of tokens whose heads
// lie side by side: token t of batch b starts at (b*tokens+t)*stride and its
// head h at h*HeadDim after that, so q, k and v may be parts of one matrix.
type AttentionShape struct {
	Batch, Heads, HeadDim, Queries, Keys int
	QStride, KStride, VStride, OutStride int     // float32s from token to token
	Causal                               bool    // query i sees the keys 0 to i
	Scale                                float32 // positive
	// BFloat16 rounds the factors of both products to bfloat16, if HeadDim is even;
	// scores and sums stay float32.
	BFloat16 bool
	// RoundedK and RoundedV say that k and v are bfloat16 in memory, which BFloat16 would
	// make of them anyway; it must be set then, and HeadDim and the strides, of numbers, even.
	RoundedK, RoundedV bool
	// RoundOut makes the output bfloat16, in half the memory. HeadDim must be even.
	RoundOut bool
}

// AttentionWork returns the float32s of shared work space of [Attention].
func AttentionWork(s AttentionShape) int {
	if s.Keys == 0 {
		return 0
	}
	p := s.layout()
	return s.Batch * s.Heads * p.tiles * (p.keysLen() + p.valuesLen())
}

// Attention is softmax(q kᵀ · Scale) v for each head, in two phases: the first
// transposes v into work, which has AttentionWork(s) float32s, and rounds.
//
// Everything is computed transposed, with 32 queries side by side in the
// vectors: the scores K·Qᵀ [keys][32], the softmax down the columns, and the
// output Vᵀ·P [HeadDim][32]. So the keys and the rows of Vᵀ are left factors,
// which need no padding, the weights P are a right factor where they stand, and
// no sum runs across a vector.
//
// No matrix of all queries by all keys exists: a task takes some queries
// through the keys a tile at a time, and corrects its sums whenever a maximum
// grows, or with bfloat16 when the old one will not do: see weighing. Milakov and
// Gimelshein (2018), "Online normalizer calculation for softmax", algorithm 3.
// https://arxiv.org/abs/1805.02867
func Attention(out, q, k, v []float32, s AttentionShape, work []float32) []Phase {
	return attend(out, q, k, v, nil, s, work)
}

// MaskedAttention is [Attention] that sees of batch b the keys alone whose number in
// mask [Batch Keys] is not zero. It gives NaN where none is.
func MaskedAttention(out, q, k, v, mask []float32, s AttentionShape, work []float32) []Phase {
	need("attention", "mask", mask, s.Batch*s.Keys)
	return attend(out, q, k, v, mask, s, work)
}

func attend(out, q, k, v, mask []float32, s AttentionShape, work []float32) []Phase {
	if s.Batch == 0 || s.Heads == 0 || s.HeadDim == 0 || s.Queries == 0 || s.Keys == 0 {
		return nil
	}
	width := s.Heads * s.HeadDim
	short := func(x []float32, tokens, stride, width int) bool {
		return stride < width || len(x) < (s.Batch*tokens-1)*stride+width
	}
	switch {
	case short(q, s.Queries, s.QStride, width):
		panic("kernel: attention: short q")
	case (s.RoundedK || s.RoundedV) && (!s.BFloat16 || s.HeadDim%2+s.KStride%2+s.VStride%2 != 0):
		panic("kernel: attention: keys or values of bfloat16 for float32, or odd")
	case short(k, s.Keys, words(s.KStride, s.RoundedK), words(width, s.RoundedK)):
		panic("kernel: attention: short k")
	case short(v, s.Keys, words(s.VStride, s.RoundedV), words(width, s.RoundedV)):
		panic("kernel: attention: short v")
	case s.RoundOut && (s.HeadDim%2 != 0 || s.OutStride%2 != 0):
		panic("kernel: attention: odd heads of bfloat16")
	case s.RoundOut && short(out, s.Queries, s.OutStride/2, width/2), !s.RoundOut && short(out, s.Queries, s.OutStride, width):
		panic("kernel: attention: short out")
	case len(work) < AttentionWork(s):
		panic("kernel: attention: short work space")
	}

	if !(s.Scale > 0) {
		panic("kernel: attention: scale must be positive")
	}

	a := &attention{attentionLayout: s.layout(), out: out, q: q, k: k, v: v, mask: mask}
	split := s.Batch * s.Heads * a.tiles * a.keysLen()
	a.keys, a.values = work[:split], work[split:]
	a.panels = ceilDiv(s.Queries, panel)
	heads := s.Batch * s.Heads
	return []Phase{
		{Tasks: heads * a.tiles, Scratch: a.packScratch(), Run: a.pack, Work: float64(heads * s.Keys * s.HeadDim * moved)},
		byThreads(func(threads int) Phase {
			b := *a
			b.blocks = ceilDiv(b.panels, s.panelsOfTask(threads))
			return Phase{
				Tasks:   heads * b.blocks,
				Scratch: ceilDiv(b.panels, b.blocks)*b.panelLen() + b.atOnce*panel + 2*tileRows,
				Run:     b.run,
				Work:    float64(heads * s.Queries * s.Keys * (2*s.HeadDim + moved)),
				Size:    b.size,
			}
		}),
	}
}

// words are those of an even count of numbers, which may be of bfloat16.
func words(n int, rounded bool) int {
	if rounded {
		return n / 2
	}
	return n
}

type attention struct {
	attentionLayout
	out, q, k, v   []float32
	mask           []float32 // zero for keys that are hidden; nil for none
	keys           []float32 // if rounded, per head [tiles][atOnce][keyWords]
	values         []float32 // per head [tiles][HeadDim][valueWords]
	panels, blocks int       // of 32 queries, and tasks, of a head
}

// panelsOfTask chooses the panels of queries of one task: many, because each
// task reads all keys and values, while there is little work in one and there
// are many tasks, and they come out even.
func (s AttentionShape) panelsOfTask(threads int) int {
	n, most := 2, 32
	if ceilDiv(s.Keys, keyTile) == 1 { // see part
		most = 8
	}
	for n < most && 4*n*panel*s.Keys*s.HeadDim < taskOps && s.Batch*s.Heads*s.Queries > 4*minTasks*n*panel {
		n *= 2
	}
	heads, panels := s.Batch*s.Heads, ceilDiv(s.Queries, panel)
	longest := func(n int) float64 { // panels that one thread does, with tasks of the mean
		blocks := ceilDiv(panels, n)
		return float64(ceilDiv(heads*blocks, threads)*panels) / float64(blocks)
	}
	best := n
	for n > 1 && heads*ceilDiv(panels, n) < manyTasks*threads {
		if n /= 2; longest(n) < 0.9*longest(best) {
			best = n
		}
	}
	return best
}

// size is what a task takes: the scores of its queries.
func (a *attention) size(task int) float64 {
	_, block := a.part(task)
	first, last := a.panels*block/a.blocks*panel, min(a.panels*(block+1)/a.blocks*panel, a.Queries)
	if a.Causal {
		return float64(last*(last+1) - first*(first+1))
	}
	return float64(last - first)
}

// part returns the head and the block of a task. Where few keys leave room in the cache for
// those of all heads, these follow each other: their queries, side by side in memory, and
// what they give come and go once.
func (a *attention) part(task int) (head, block int) {
	if a.tiles > 1 {
		return task / a.blocks, task % a.blocks
	}
	batch, rest := task/(a.Heads*a.blocks), task%(a.Heads*a.blocks)
	return batch*a.Heads + rest%a.Heads, rest / a.Heads
}

// run computes one block of panels: the tiles of keys are outermost, so that
// one is read from the second-level cache for all panels but the first.
func (a *attention) run(task int, scratch []float32) {
	head, block := a.part(task)
	first, last := a.panels*block/a.blocks, a.panels*(block+1)/a.blocks
	scores, panels := take(&scratch, a.atOnce*panel), take(&scratch, (last-first)*a.panelLen()) // aligned if scratch is
	offsets := int32s(take(&scratch, 2*tileRows))
	accumulate := tile{offsets: offsets[tileRows:], taps: 1, ldc: panel}

	for i := first; i < last; i++ {
		p := a.panel(panels, i, i-first)
		a.load(&p, head)
	}
	for t := range a.tiles {
		k, kStride := a.keyRows(head, t)
		v := a.values[(head*a.tiles+t)*a.valuesLen():][:a.valuesLen()]
		for r := range tileRows {
			offsets[r], accumulate.offsets[r] = int32(r*kStride), int32(r*a.valueWords)
		}
		for i := first; i < last; i++ {
			p := a.panel(panels, i, i-first)
			key := t * a.atOnce
			n := min(a.atOnce, a.Keys-key)
			if a.Causal {
				n = min(n, p.first+p.n-key)
			}
			if n <= 0 {
				continue
			}
			p.offsets = offsets[:tileRows]
			if a.weights(&p, k, kStride, scores, head, key, n) && t > 0 {
				scaleColumns(p.sums, a.HeadDim, p.rescale)
			}
			accumulate.a, accumulate.b, accumulate.c, accumulate.narrow = v, scores, p.sums, p.narrow()
			accumulate.k, accumulate.add = a.words(n), t > 0
			a.product(accumulate, a.HeadDim, a.valueWords)
		}
	}
	for i := first; i < last; i++ {
		p := a.panel(panels, i, i-first)
		a.store(&p, head)
	}
}

// weights sets scores to the weights of n keys from number key on, which are k. It tells
// whether what was computed before has to be rescaled.
func (a *attention) weights(p *queryPanel, k []float32, stride int, scores []float32, head, key, n int) (rescaled bool) {
	if a.pairs {
		return a.weigh(p, k, stride, scores, head, key, n)
	}
	a.score(p, k, stride, scores, head, key, n)
	softmaxColumns(scores, n, p.most, p.norm, p.rescale)
	return true
}

// longRow is the words of a head from which on fetching the next rows, if they follow,
// is worth it: a panel of as many leaves no room for them in the first-level cache.
const longRow = 256

// product runs a tile for any number of rows, which are stride apart in t.a: the
// offsets hold for the first 12. The split is even.
func (a *attention) product(t tile, rows, stride int) {
	fetch := a.words(a.HeadDim) >= longRow && stride < 2*t.k
	tiles := ceilDiv(rows, tileRows)
	few, more := rows/tiles, rows%tiles
	for i := range tiles {
		t.rows = few
		if i < more {
			t.rows++
		}
		if fetch {
			t.next, t.fetch = t.a[min(t.rows*stride, len(t.a)-1):], 4*t.rows*stride/t.k
		}
		if a.native {
			multiplyBF16(&t)
		} else {
			multiply(&t)
		}
		if i < tiles-1 {
			t.a, t.c = t.a[t.rows*stride:], t.c[t.rows*panel:]
		}
	}
}
