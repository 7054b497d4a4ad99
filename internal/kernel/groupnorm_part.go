package kernel

// GroupNormStatistics is the first phase of [GroupNorm]: it leaves the sums of x
// in work.
func GroupNormStatistics(x []float32, s NormShape, work []float32) Phase {
	size := s.Pixels * s.C
	need("group norm", "x", x, s.N*size)
	need("group norm", "work", work, GroupNormWork(s))
	chunks, per := s.chunks(), s.chunkPixels()
	return Phase{
		Tasks: s.N * chunks,
		Run: func(task int, _ []float32) {
			first, base := task%chunks*per, task/chunks*size
			s.statistics(work[task*s.partial():][:s.partial()], x[base+first*s.C:base+min(s.Pixels, first+per)*s.C])
		},
	}
}

// GroupNormPart is the second phase of [GroupNorm] for some pixels of one sample:
// it writes those from to upto of x [N Pixels C], normalised by the statistics in
// work, to out [upto−from C], which must not overlap them.
func GroupNormPart(out, x []float32, s NormShape, sample, from, upto int, gamma, beta []float32, eps float64, act Activation, work []float32) Phase {
	need("group norm", "x", x, s.N*s.Pixels*s.C)
	need("group norm", "out", out, (upto-from)*s.C)
	per := max(1, taskSize/s.C)
	width := roundUp(s.C, lanes)
	return Phase{
		Tasks:   ceilDiv(upto-from, per),
		Scratch: 3 * width,
		Run: func(task int, scratch []float32) {
			p := affine{scratch[:width], scratch[width:][:width], scratch[2*width:][:width]}
			s.affine(p, work[sample*s.chunks()*s.partial():], gamma, beta, eps)
			begin, end := task*per, min((task+1)*per, upto-from)
			in := x[(sample*s.Pixels+from)*s.C:]
			normaliseRows(out[begin*s.C:end*s.C], in[begin*s.C:end*s.C], s.C, p, act)
		},
	}
}
