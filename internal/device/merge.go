package device

// A Match finds which tokens of images are merged, as kernel.MatchTokens does.
type Match struct {
	N, H, W, C, Merge int
	Salt              uint32
}

// matchArgs is MatchArgs of merge.cu.
type matchArgs struct {
	x, times, inverse, scores, best, merged, match Ptr
	h, w, c, merge                                 int32
	salt, _                                        uint32
}

// tokens is how many there are of all images.
func (m Match) tokens() int { return m.N * m.H * m.W }

// OnDevice says whether rows can be counted in a number's place.
func (m Match) OnDevice(t Target) bool { return t.Type == F32 || m.H*m.W <= 1<<16 }

// Work is the bytes of scratch of the launches.
func (m Match) Work() int { return 4 * 4 * m.tokens() }

// Launches writes the row of each token of x [N H·W C] among those that remain to match
// [N H·W], for times [N], float32s. The rows are whole numbers in memory, not of the
// target's type.
func (m Match) Launches(t Target, match, x, times, work Ptr) []Launch {
	part := Ptr(4 * m.tokens())
	args := matchArgs{x: x, times: times, inverse: work, scores: work + part, best: work + 2*part, merged: work + 3*part, match: match,
		h: int32(m.H), w: int32(m.W), c: int32(m.C), merge: int32(m.Merge), salt: m.Salt}
	each, size := m.H*m.W, m.tokens()*m.C*t.Type.Size()
	cells := (m.H / 2) * (m.W / 2)
	warps := [3]int{ceil(each, 8), m.N, 1}
	return []Launch{
		launch("match_lengths", t.Type, warps, 0, args).moves(size),
		launch("match_best", t.Type, [3]int{ceil(each, 64), m.N, 1}, 0, args).moves(2 * size).computesPlain(2 * float64(m.tokens()) * float64(cells) * float64(m.C)),
		launch("match_chosen", t.Type, warps, 0, args).moves(12 * m.tokens()),
		launch("match_rows", t.Type, warps, 0, args).moves(12 * m.tokens()),
	}
}

// MergeTokens maps x [n tokens c] to [n kept c]: each row is the mean of the tokens that match
// sends to it.
func MergeTokens(t Target, out, x, match Ptr, n, tokens, kept, c int) []Launch {
	args := eachArgs{a: x, b: match, out: out, x: uint32(c), y: uint32(tokens), z: uint32(kept)}
	return []Launch{launch("merge_tokens", t.Type, [3]int{kept, ceil(c, 256), n}, 0, args).moves(n * (tokens + kept) * c * t.Type.Size())}
}

// UnmergeTokens maps y [n kept c] to [n tokens c]: each token is the row that match says, plus
// its own of residual unless that is none.
func UnmergeTokens(t Target, out, y, match, residual Ptr, n, tokens, kept, c int) []Launch {
	rows := n * tokens
	return each("unmerge_tokens", t, rows*c, 2*rows*c, []int{c}, func(v int) eachArgs {
		return eachArgs{a: y, b: match, c: residual, out: out, x: uint32(c / v), y: uint32(tokens), z: uint32(kept)}
	})
}
