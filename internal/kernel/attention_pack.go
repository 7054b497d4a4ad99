package kernel

// packScratch is a tile of values before they are rounded.
func (a *attention) packScratch() int {
	if !a.pairs {
		return 0
	}
	return a.HeadDim * a.atOnce
}

// pack transposes the values of one tile of keys of one head, and rounds them and the
// keys. Where an odd key lacks the other of its pair, there are zeros.
func (a *attention) pack(task int, scratch []float32) {
	head, key := task/a.tiles, task%a.tiles*a.atOnce
	n := min(a.atOnce, a.Keys-key)
	values := a.values[task*a.valuesLen():][:a.valuesLen()]
	if !a.pairs {
		transpose(values, a.valueWords, a.from(a.v, head, a.Keys, key, a.VStride), a.VStride, n, a.HeadDim)
		return
	}
	keys := a.keys[task*a.keysLen():][:a.keysLen()]
	switch {
	case !a.RoundedV:
		a.roundValues(values, scratch, a.from(a.v, head, a.Keys, key, a.VStride), n)
	case a.native:
		a.splitValues(values, scratch, a.pairsFrom(a.v, head, key, a.VStride), n)
	default:
		a.widenValues(values, halves(a.pairsFrom(a.v, head, key, a.VStride)), n)
	}
	if !a.RoundedK {
		k := a.from(a.k, head, a.Keys, key, a.KStride)
		for r := range n {
			roundPairs(keys[r*a.keyWords:], k[r*a.KStride:][:a.HeadDim], a.native)
		}
		return
	}
	k := a.pairsFrom(a.k, head, key, a.KStride)
	for r := range n {
		row := k[r*a.KStride/2:][:a.HeadDim/2]
		if a.native {
			copy(keys[r*a.keyWords:], row)
		} else {
			widenRow(keys[r*a.keyWords:], halves(row))
		}
	}
}

// pairsFrom is from where x is bfloat16.
func (a *attention) pairsFrom(x []float32, head, key, stride int) []float32 {
	return x[((head/a.Heads*a.Keys+key)*stride+head%a.Heads*a.HeadDim)/2:]
}

func (a *attention) roundValues(values, scratch, v []float32, n int) {
	transpose(scratch, a.atOnce, v, a.VStride, n, a.HeadDim)
	for r := range a.HeadDim {
		row := scratch[r*a.atOnce:][:roundUp(n, 2)]
		clear(row[n:])
		roundPairs(values[r*a.valueWords:], row, a.native)
	}
}

// splitValues transposes pairs of a key's numbers, and makes those of a number's keys.
func (a *attention) splitValues(values, scratch, v []float32, n int) {
	transpose(scratch, a.atOnce, v, a.VStride/2, n, a.HeadDim/2)
	for r := range a.HeadDim / 2 {
		row := scratch[r*a.atOnce:][:roundUp(n, 2)]
		clear(row[n:])
		first := halves(values[2*r*a.valueWords:])
		splitWords(first, first[2*a.valueWords:], row)
	}
}

// widenValues does it for processors without the instruction.
func (a *attention) widenValues(values []float32, v []uint16, n int) {
	for r := range a.HeadDim {
		row := values[r*a.valueWords:][:roundUp(n, 2)]
		if n%2 != 0 {
			row[n-1] = 0
		}
		for key := range n {
			row[key^1] = fromBFloat16(v[key*a.VStride+r])
		}
	}
}
