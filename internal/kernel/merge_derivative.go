package kernel

// MergeTokensDerivative is the derivative of [MergeTokens] by x, for the derivative d
// [N kept C] by its output: each token of out [N tokens C] gets its share of the mean.
func MergeTokensDerivative(out, d, match []float32, s MergeShape) Phase {
	tokens, kept := s.Tokens(), s.Kept()
	need("merge tokens derivative", "out", out, s.N*tokens*s.C)
	need("merge tokens derivative", "d", d, s.N*kept*s.C)
	need("merge tokens derivative", "match", match, s.N*tokens)
	return Phase{Tasks: s.N, Scratch: kept, Run: func(i int, count []float32) {
		clear(count[:kept])
		for t := range tokens {
			count[s.row(match, i, t)]++
		}
		for t := range tokens {
			row := s.row(match, i, t)
			src, dst := d[(i*kept+row)*s.C:][:s.C], out[(i*tokens+t)*s.C:][:s.C]
			for c, v := range src {
				dst[c] = v / count[row]
			}
		}
	}}
}

// UnmergeTokensDerivative is the derivative of [UnmergeTokens] by y, for the derivative
// d [N tokens C] by its output: each row of out [N kept C] is the sum over its tokens.
func UnmergeTokensDerivative(out, d, match []float32, s MergeShape) Phase {
	tokens, kept := s.Tokens(), s.Kept()
	need("unmerge tokens derivative", "out", out, s.N*kept*s.C)
	need("unmerge tokens derivative", "d", d, s.N*tokens*s.C)
	need("unmerge tokens derivative", "match", match, s.N*tokens)
	return Phase{Tasks: s.N, Run: func(i int, _ []float32) {
		clear(out[i*kept*s.C : (i+1)*kept*s.C])
		for t := range tokens {
			row := out[(i*kept+s.row(match, i, t))*s.C:][:s.C]
			addRow(row, row, d[(i*tokens+t)*s.C:])
		}
	}}
}

// row is where token t of sample i goes.
func (s MergeShape) row(match []float32, i, t int) int {
	return wholeNumber(match[i*s.Tokens()+t], s.Kept(), "kernel: merge: row out of range")
}
