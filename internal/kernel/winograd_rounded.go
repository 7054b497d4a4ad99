package kernel

// winFactors is what the products of [winograd] multiply: the transformed input and the
// transformed weights, which are rounded after the transform in float32.
type winFactors uint8

const (
	winFloats winFactors = iota // float32
	winPairs                    // bfloat16, in pairs of input channels
	winTurned                   // float32s of such values, the second of a pair first, without the instruction
)

// winRounded are the factors that are rounded to bfloat16.
func winRounded() winFactors {
	if dots.bf16 {
		return winPairs
	}
	return winTurned
}

// RoundedWinogradWork returns the float32s of shared work space of [RoundedWinograd].
func RoundedWinogradWork(s ConvShape) int { return newWinogradOf(s, winRounded()).workLen() }

// RoundedWinograd is [Winograd] with factors of the products that are rounded to bfloat16:
// an error of about 1e-2, relative to the root mean square of the result.
func RoundedWinograd(out, x []float32, s ConvShape, w Packed, ep Epilogue, work []float32) []Phase {
	return newWinogradOf(s, winRounded()).phases(out, x, w, ep, work)
}

// words is the float32s that the factors of some channels take.
func (a *winograd) words(channels int) int {
	if a.factors == winPairs {
		return channels / PerWord(BFloat16)
	}
	return channels
}

// block is the most tiles that one task multiplies: with pairs their weights leave room for
// more in the second-level cache.
func (f winFactors) block() int {
	if f == winPairs {
		return winBlock * 4 / 3
	}
	return winBlock
}

// products is the cycles of the products of a vector of weights with a tile.
func (f winFactors) products() int {
	if f == winPairs {
		return winProducts / PerWord(BFloat16)
	}
	return winProducts
}

// patch transforms a patch into factors.
func (f winFactors) patch(p *patch) {
	if f == winPairs {
		transformPatchPairs(p)
		return
	}
	transformPatch(p)
	if f == winTurned {
		for point := range winPoints {
			turnPairs(p.dst[point*p.stride:][:p.channels])
		}
	}
}

// filters transforms weights into factors.
func (f winFactors) filters(w *weights, format Format) {
	if f == winPairs {
		transformWeightPairs(w, format)
		return
	}
	transformWeights(w, format)
	if f == winTurned {
		for point := range winPoints {
			turnRows(w.dst[point*w.stride:], w.channels/PerWord(BFloat16))
		}
	}
}

// multiply runs one tile.
func (f winFactors) multiply(t *tile) {
	if f == winPairs {
		multiplyBF16(t)
	} else {
		multiply(t)
	}
}
