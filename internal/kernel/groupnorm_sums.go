package kernel

// NormSums gathers the statistics of one sample of [GroupNorm] that comes part by part,
// from its first pixel to its last. They have the bytes of [GroupNormStatistics].
type NormSums struct {
	s    NormShape
	sums []float64 // of each chunk: of the values of each channel, then of their squares
	at   int       // pixels that came
}

// NewNormSums returns the sums of no pixels yet. N must be 1.
func NewNormSums(s NormShape) *NormSums {
	if s.N != 1 || s.Groups < 1 || s.C%s.Groups != 0 {
		panic("kernel: group norm: want one sample whose channels divide into the groups")
	}
	return &NormSums{s: s, sums: make([]float64, s.chunks()*2*s.C)}
}

// Add is the work of adding the pixels that follow, x [pixels C]. It must be done before
// that of the next ones.
func (n *NormSums) Add(x []float32) Phase {
	s, first := n.s, n.at
	n.at += len(x) / s.C
	if end := n.at; end > s.Pixels || len(x)%s.C != 0 {
		panic("kernel: group norm: too many pixels")
	}
	end, per := n.at, s.chunkPixels()
	return Phase{Tasks: ceilDiv(s.C, sumWidth), Run: func(task int, _ []float32) {
		from := task * sumWidth
		width := min(sumWidth, s.C-from)
		for at := first; at < end; {
			chunk := at / per
			upto := min((chunk+1)*per, end)
			sums := n.sums[chunk*2*s.C+from:]
			sumChannels(sums[:width], sums[s.C:][:width], x[(at-first)*s.C+from:(upto-first)*s.C], s.C)
			at = upto
		}
	}}
}

// Statistics returns the statistics of the whole sample, all of whose pixels came.
func (n *NormSums) Statistics() []float32 {
	if n.at != n.s.Pixels {
		panic("kernel: group norm: pixels are missing")
	}
	out := make([]float32, GroupNormWork(n.s))
	for chunk := range n.s.chunks() {
		sums := n.sums[chunk*2*n.s.C:]
		groups := groupSums{size: n.s.C / n.s.Groups, partial: out[chunk*n.s.partial():]}
		groups.add(sums[:n.s.C], sums[n.s.C:][:n.s.C])
	}
	return out
}

// GroupNormGiven normalises some pixels x [pixels C] of a sample of shape s by the
// sample's statistics, as [GroupNorm] does. out may be x.
func GroupNormGiven(out, x []float32, s NormShape, gamma, beta []float32, eps float64, act Activation, statistics []float32) Phase {
	need("group norm", "out", out, len(x))
	need("group norm", "statistics", statistics, GroupNormWork(s))
	return s.pixelTasks(1, len(x)/s.C, 0, func(_, from, upto int, p affine, _ []float32) {
		s.affine(p, statistics, gamma, beta, eps)
		normaliseRows(out[from*s.C:upto*s.C], x[from*s.C:upto*s.C], s.C, p, act)
	})
}
