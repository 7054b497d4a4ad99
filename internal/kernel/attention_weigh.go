package kernel

import "math"

// The weights of bfloat16 need no exact maximum: whatever whole number m is near it
// gives 2^(s-m), and since a power of two changes no digit, in the end the same bytes.
// So m is 0 at first, the scores become weights while they are in the registers of
// their product, and only a score far above m, or none near it, makes a panel choose m
// by its maxima, rescale its sums and weigh the tile once more.
const (
	weightMin = -125    // of s-m; weights below, which are no normal numbers, are 0
	weightMax = 32      // of s-m, before m has to grow
	leastSum  = 0x1p-40 // of weights, before m has to sink

	// Beyond it a float32 has no room for s-m beside m: such panels subtract m first.
	farthest = 1 << 20
)

// weighing is one call of the assembly that turns some keys, in blocks of rows, and
// the queries of a panel into pairs of weights. The assembly reads this struct: see
// _asm/gemm.
type weighing struct {
	keys   []float32 // [blocks·rows][stride] pairs
	q      []float32 // [k][32] pairs
	scores []float32 // [blocks·rows][32], if k is 0: the scores are there
	pairs  []float32 // [blocks·rows/2][32], may be where the scores are
	state  []float32 // of the panel
	next   []float32 // what to fetch meanwhile, fetch bytes for each word of a key
	k      int
	stride int
	rows   int // 1 to 12, even if there are several blocks
	blocks int
	fetch  int
	off    int // not 0 if the weights will not do: a bit for each column
}

// The rows of a panel's state, each of 32 columns.
const (
	stateShift = panel * iota // roundShift - m
	stateLow                  // scores below are 0
	stateHigh                 // scores above will not do
	stateTop                  // the highest score
	stateSum                  // the weights
	stateLen
)

// weigh sets scores to the pairs of weights of n keys from number key on, which are k. It
// tells whether what was computed before has to be rescaled. Weights that will not do
// are computed again, from scores that are too: the weights lie where they were.
func (a *attention) weigh(p *queryPanel, k []float32, stride int, scores []float32, head, key, n int) (rescaled bool) {
	copy(p.rescale, p.norm)
	if p.far[0] == 0 {
		a.weighNear(p, k, stride, scores, head, key, n)
		if !p.off {
			return false
		}
		copy(p.norm, p.rescale)
	}
	a.score(p, k, stride, scores, head, key, n)
	p.choose(scores, n)
	p.weigh(scores, n, a.native)
	return true
}

// weighNear weighs by the m that there is.
func (a *attention) weighNear(p *queryPanel, k []float32, stride int, scores []float32, head, key, n int) {
	if !a.native || a.mask != nil || a.Causal && key+n > p.first+1 {
		a.score(p, k, stride, scores, head, key, n)
		p.weigh(scores, n, a.native)
		return
	}
	w := weighing{keys: k, q: p.q, pairs: scores, state: p.state, k: a.words(a.HeadDim), stride: stride}
	if w.k >= longRow {
		w.next, w.fetch = k[min(tileRows*stride, len(k)-1):], 4*tileRows
	}
	w.run(n, p.narrow())
	p.off = w.off != 0
}

// score sets the scores of n keys, -Inf for those that are hidden.
func (a *attention) score(p *queryPanel, k []float32, stride int, scores []float32, head, key, n int) {
	t := tile{offsets: p.offsets, taps: 1, k: a.words(a.HeadDim), ldc: panel, narrow: p.narrow(), a: k, b: p.q, c: scores}
	a.product(t, n, stride)
	if a.Causal {
		hideLater(scores, p.first, key, n)
	}
	if a.mask != nil {
		hide(scores, a.mask[head/a.Heads*a.Keys+key:][:n])
	}
}

// weigh turns scores into weights.
func (p *queryPanel) weigh(scores []float32, n int, native bool) {
	if native {
		w := weighing{scores: scores, pairs: scores, state: p.state}
		w.run(n, p.narrow())
		p.off = w.off != 0
		return
	}
	p.off = weighGeneric(scores, n, p.state, len(p.most))
	widenPairs(scores, ceilDiv(n, 2), len(p.most))
}

// run weighs n keys: whole tiles, and what is left over.
func (w *weighing) run(n int, narrow bool) {
	w.rows, w.blocks = tileRows, n/tileRows
	if w.blocks > 0 {
		weighBlocks(w, narrow)
	}
	done := w.blocks * tileRows
	if done == n {
		return
	}
	w.rows, w.blocks = n-done, 1
	w.pairs = w.pairs[done/2*panel:]
	if w.k > 0 {
		w.keys = w.keys[done*w.stride:]
	} else {
		w.scores = w.scores[done*panel:]
	}
	weighBlocks(w, narrow)
}

// weighGeneric is the specification of the assembly, for scores [n][32] of which
// columns count: pairs of keys, side by side, replace them. A pair that lacks a key has a
// zero. It tells whether the weights will not do.
func weighGeneric(scores []float32, n int, state []float32, columns int) (off bool) {
	pairs := halves(scores)
	for q := range columns {
		m, sum, top := roundShift-state[stateShift+q], state[stateSum+q], state[stateTop+q]
		for key := 0; key < n; key += 2 {
			s := scores[key*panel+q]
			first, second := weightOf(s, m), uint16(0)
			top = max32(s, top)
			if key+1 < n {
				s = scores[(key+1)*panel+q]
				second = weightOf(s, m)
				top = max32(s, top)
			}
			pairs[key*panel+2*q], pairs[key*panel+2*q+1] = first, second
			sum += fromBFloat16(second)
			sum += fromBFloat16(first)
		}
		state[stateSum+q], state[stateTop+q] = sum, top
		off = off || top > state[stateHigh+q] || sum < leastSum
	}
	return off
}

// max32 is the larger of a and b, or b if one is NaN.
func max32(a, b float32) float32 {
	if a > b {
		return a
	}
	return b
}

// start makes a panel ready for its first keys.
func (p *queryPanel) start() {
	clear(p.most)
	clear(p.norm)
	p.far[0] = 0
	p.setState()
}

// setState derives the state from the m of the columns, but for the sums.
func (p *queryPanel) setState() {
	for q, m := range p.most {
		if p.far[0] != 0 {
			m = 0
		}
		p.state[stateShift+q], p.state[stateLow+q] = roundShift-m, m+weightMin
		p.state[stateHigh+q], p.state[stateTop+q] = m+weightMax, float32(math.Inf(-1))
	}
}

// choose chooses m by the scores of n keys, rescales the sum of the weights, and leaves
// the factors for what else was computed.
func (p *queryPanel) choose(scores []float32, n int) {
	for q, old := range p.most {
		top := maxColumn(scores, n, q, float32(math.Inf(-1)))
		m := float32(math.Ceil(float64(top)))
		p.rescale[q] = 1
		switch {
		case math.IsInf(float64(top), -1):
			m = old
		case p.norm[q] != 0:
			m = max(old, m)
			p.rescale[q] = exp2(old - m)
		}
		p.most[q], p.norm[q] = m, p.norm[q]*p.rescale[q]
		if !(abs32(m) <= farthest) {
			p.far[0] = 1
		}
	}
	p.setState()
	if p.far[0] == 0 {
		return
	}
	for key := range n {
		row := scores[key*panel:]
		for q, m := range p.most {
			row[q] -= m
		}
	}
}
