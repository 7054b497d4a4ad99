package kernel

import (
	"math"
	"slices"
	"unsafe"
)

// MergeShape describes token merging: of N images of H×W tokens each, Merge
// tokens are joined with others, so that N images of Kept tokens remain.
type MergeShape struct {
	N, H, W, C int
	Merge      int    // 0 to H·W - ⌊H/2⌋·⌊W/2⌋
	Salt       uint32 // makes the choice of destinations differ between layers
}

// Tokens is the number of tokens of an image, Kept of those that remain.
func (s MergeShape) Tokens() int { return s.H * s.W }

// Kept is the number of tokens of an image that remain.
func (s MergeShape) Kept() int { return s.H*s.W - s.Merge }

// Destinations is the number of tokens of an image that others can be merged
// into: one in each whole cell of 2×2.
func (s MergeShape) Destinations() int { return (s.H / 2) * (s.W / 2) }

// scoreFloats bounds the similarities that are in memory at a time.
const scoreFloats = 1 << 20

// chunk is the number of tokens whose similarities are computed at a time.
func (s MergeShape) chunk() int {
	return min(s.Tokens(), max(tileRows, scoreFloats/max(1, s.Destinations())))
}

// MatchTokensWork returns the float32s of shared work space of [MatchTokens].
func MatchTokensWork(s MergeShape) int {
	return 2*s.Tokens() + roundUp(s.Tokens(), panel) + PackedLen(s.C, s.Destinations(), Float32) + s.chunk()*s.Destinations()
}

// MatchTokens decides which tokens of x [N H·W C] are merged: bipartite soft
// matching, as token merging for Stable Diffusion has it. One token of each cell
// of 2×2 is a destination; each of the others is compared with all destinations,
// by the cosine of their angle, and the s.Merge most similar are merged into
// their best one. It writes to match [N H·W] the row of each token among those
// that remain, which stay in order.
//
// Which of a cell's tokens is the destination comes from a hash of the image's
// time, the cell and the salt: it changes from step to step, which spreads the
// error, and depends on nothing else. (The paper draws it at random.)
//
// Bolya and Hoffman (2023), "Token Merging for Fast Stable Diffusion".
// https://arxiv.org/abs/2303.17604
func MatchTokens(match, x, times []float32, s MergeShape, work []float32) []Phase {
	tokens, dests := s.Tokens(), s.Destinations()
	need("match tokens", "match", match, s.N*tokens)
	need("match tokens", "x", x, s.N*tokens*s.C)
	need("match tokens", "times", times, s.N)
	need("match tokens", "work space", work, MatchTokensWork(s))
	if s.Merge < 0 || s.Merge > tokens-dests {
		panic("kernel: match tokens: merge is out of range")
	}
	m := &matching{MergeShape: s}
	m.keys, work = uint64s(work[:2*tokens]), work[2*tokens:]
	m.best, work = int32s(work[:tokens]), work[roundUp(tokens, panel):]
	m.packed, work = Packed{K: s.C, N: dests, Data: work[:PackedLen(s.C, dests, Float32)]}, work[PackedLen(s.C, dests, Float32):]
	m.scores = work[:s.chunk()*dests]

	var phases []Phase
	for i := range s.N {
		m := *m // one for each image; they share the work space
		m.match, m.x, m.time = match[i*tokens:][:tokens], x[i*tokens*s.C:][:tokens*s.C], times[i:][:1]
		phases = append(phases, Phase{Tasks: ceilDiv(dests, panel), Scratch: panel * s.C, Run: m.pack})
		for from := 0; from < tokens; from += s.chunk() {
			rows := min(s.chunk(), tokens-from)
			phases = append(phases,
				Gemm(m.scores, m.x[from*s.C:], rows, m.packed, Epilogue{}),
				splitRows(rows, dests, func(a, b int) { m.choose(from, a, b) }))
		}
		phases = append(phases, Phase{Tasks: 1, Run: m.assign})
	}
	return phases
}

// matching is that of one image.
type matching struct {
	MergeShape
	match, x, time []float32
	packed         Packed    // the destinations, of length 1
	scores         []float32 // [chunk][destinations]
	best           []int32   // by token: the destination it is most similar to
	keys           []uint64  // how unlike that is, above the token's number
}

// destination returns the token that is the destination of a cell.
func (m *matching) destination(cell int) int {
	at := int(hash3(math.Float32bits(m.time[0]), uint32(cell), m.Salt) & 3)
	columns := m.W / 2
	return (cell/columns*2+at/2)*m.W + cell%columns*2 + at%2
}

// isDestination says whether a token is the destination of its cell.
func (m *matching) isDestination(token int) bool {
	y, x := token/m.W/2, token%m.W/2
	return y < m.H/2 && x < m.W/2 && m.destination(y*(m.W/2)+x) == token
}

// pack normalises the destinations of one panel.
func (m *matching) pack(task int, scratch []float32) {
	first := task * panel
	n := min(panel, m.Destinations()-first)
	for i := range n {
		row := m.x[m.destination(first+i)*m.C:][:m.C]
		scaleRow(scratch[i*m.C:][:m.C], row, inverseNorm(row))
	}
	transposePanel(m.packed.Data[first*m.C:][:m.C*panel], scratch, m.C, n, m.C)
}

// choose finds the best destination of the tokens from+a to from+b.
func (m *matching) choose(from, a, b int) {
	dests := m.Destinations()
	for r := a; r < b; r++ {
		token := from + r
		if m.isDestination(token) {
			m.keys[token] = math.MaxUint64 // sorted to the end
			continue
		}
		row := m.scores[r*dests:][:dests]
		best, at := row[0], 0
		for i, v := range row {
			if v > best {
				best, at = v, i
			}
		}
		m.best[token] = int32(at)
		m.keys[token] = uint64(^ordered(best*inverseNorm(m.x[token*m.C:][:m.C])))<<32 | uint64(token)
	}
}

// assign numbers the tokens that remain.
func (m *matching) assign(int, []float32) {
	slices.Sort(m.keys)
	const kept, merged = 0, -1
	clear(m.match)
	for _, key := range m.keys[:m.Merge] {
		m.match[uint32(key)] = merged
	}
	row := 0
	for i, v := range m.match {
		if v == kept {
			m.match[i] = float32(row)
			row++
		}
	}
	for _, key := range m.keys[:m.Merge] {
		token := uint32(key)
		m.match[token] = m.match[m.destination(int(m.best[token]))]
	}
}

// inverseNorm is 1/|x|, or 0 for a vector of zeros.
func inverseNorm(x []float32) float32 {
	_, squares := sumRow(x)
	if squares == 0 {
		return 0
	}
	return float32(1 / math.Sqrt(squares))
}

// ordered maps numbers to integers of the same order.
func ordered(x float32) uint32 {
	b := math.Float32bits(x)
	if b>>31 == 1 {
		return ^b
	}
	return b | 1<<31
}

// hash3 mixes three numbers. It is the finaliser of MurmurHash3 (Appleby 2011),
// applied to one after the other.
func hash3(a, b, c uint32) uint32 {
	var h uint32
	for _, v := range [3]uint32{a, b, c} {
		h ^= v
		h ^= h >> 16
		h *= 0x85ebca6b
		h ^= h >> 13
		h *= 0xc2b2ae35
		h ^= h >> 16
	}
	return h
}

// uint64s is the same memory, two float32s for each.
func uint64s(x []float32) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(x))), len(x)/2)
}

// mergeWidth is the number of channels that one task of [MergeTokens] sums.
const mergeWidth = 64

// MergeTokens maps x [N tokens C] to out [N kept C]: each row is the mean of the
// tokens that match [N tokens] sends to it.
func MergeTokens(out, x, match []float32, s MergeShape) Phase {
	tokens, kept := s.Tokens(), s.Kept()
	need("merge tokens", "out", out, s.N*kept*s.C)
	need("merge tokens", "x", x, s.N*tokens*s.C)
	need("merge tokens", "match", match, s.N*tokens)
	parts := ceilDiv(s.C, mergeWidth)
	return Phase{
		Tasks:   s.N * parts,
		Scratch: kept,
		Run: func(task int, count []float32) {
			i, c := task/parts, task%parts*mergeWidth
			width := min(mergeWidth, s.C-c)
			sums := out[i*kept*s.C+c:]
			clear(count[:kept])
			for t := range tokens {
				row := wholeNumber(match[i*tokens+t], kept, "kernel: merge tokens: row out of range")
				sum, token := sums[row*s.C:][:width], x[(i*tokens+t)*s.C+c:][:width]
				if count[row] == 0 {
					copy(sum, token)
				} else {
					addRow(sum, sum, token)
				}
				count[row]++
			}
			for row, n := range count[:kept] {
				if n > 1 {
					divideRow(sums[row*s.C:][:width], n)
				}
			}
		},
	}
}

// divideRow divides, where a product with 1/n would not give n·x/n = x.
func divideRow(x []float32, n float32) {
	for i := range x {
		x[i] /= n
	}
}

// UnmergeTokens maps y [N kept C] to out [N tokens C]: each token is the row that
// match [N tokens] says, plus its own of residual [N tokens C] unless that is nil.
// out may be residual.
func UnmergeTokens(out, y, match, residual []float32, s MergeShape) Phase {
	tokens, kept := s.Tokens(), s.Kept()
	need("unmerge tokens", "out", out, s.N*tokens*s.C)
	need("unmerge tokens", "y", y, s.N*kept*s.C)
	need("unmerge tokens", "match", match, s.N*tokens)
	if residual != nil {
		need("unmerge tokens", "residual", residual, s.N*tokens*s.C)
	}
	return splitRows(s.N*tokens, s.C, func(from, to int) {
		for r := from; r < to; r++ {
			row := wholeNumber(match[r], kept, "kernel: unmerge tokens: row out of range")
			src := y[(r/tokens*kept+row)*s.C:][:s.C]
			if residual == nil {
				copy(out[r*s.C:][:s.C], src)
			} else {
				addRow(out[r*s.C:][:s.C], residual[r*s.C:][:s.C], src)
			}
		}
	})
}
