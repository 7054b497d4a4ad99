package kernel

// keyTile is the most keys of one round of the softmax: whole tiles of 12, whose scores
// for 32 queries fit into the first-level cache.
const keyTile = 22 * tileRows

// attentionLayout is how keys and values lie for the products. Their words are
// float32s, or pairs of bfloat16 along the sums.
type attentionLayout struct {
	AttentionShape
	pairs, native bool // of bfloat16, for an instruction or as float32s of their values
	tiles, atOnce int  // of keys
	// The words of rows of keys, if they have to be rounded, and of transposed values.
	keyWords, valueWords int
}

func (s AttentionShape) layout() attentionLayout {
	l := attentionLayout{AttentionShape: s, pairs: s.BFloat16 && s.HeadDim%2 == 0}
	l.native = l.pairs && dots.bf16
	// The split is even, but for the last tile, in whole tiles of 12.
	l.atOnce = roundUp(ceilDiv(s.Keys, ceilDiv(s.Keys, keyTile)), tileRows)
	l.tiles = ceilDiv(s.Keys, l.atOnce)
	if l.pairs {
		l.keyWords = l.words(s.HeadDim)
	}
	l.valueWords = roundUp(l.words(l.atOnce), 16) + 16 // off the powers of two, which share cache sets
	return l
}

// words are those of n factors.
func (l *attentionLayout) words(n int) int {
	switch {
	case l.native:
		return ceilDiv(n, 2)
	case l.pairs:
		return roundUp(n, 2)
	}
	return n
}

// keysLen and valuesLen are the words of a tile of keys.
func (l *attentionLayout) keysLen() int   { return l.atOnce * l.keyWords }
func (l *attentionLayout) valuesLen() int { return l.HeadDim * l.valueWords }

// from returns what begins at a token of a head, which counts over the batch.
func (s AttentionShape) from(x []float32, head, tokens, token, stride int) []float32 {
	return x[(head/s.Heads*tokens+token)*stride+head%s.Heads*s.HeadDim:]
}

// keyRows returns the keys of a tile of a head, and the words from one to the next.
func (a *attention) keyRows(head, t int) (rows []float32, stride int) {
	if a.pairs {
		return a.keys[(head*a.tiles+t)*a.keysLen():][:a.keysLen()], a.keyWords
	}
	return a.from(a.k, head, a.Keys, t*a.atOnce, a.KStride), a.KStride
}
