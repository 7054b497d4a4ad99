package kernel

// GroupNormStatistics is the first phase of [GroupNorm]: it leaves the sums of x
// in work.
func GroupNormStatistics(x []float32, s NormShape, work []float32) Phase {
	size := s.Pixels * s.C
	need("group norm", "x", x, s.N*size)
	need("group norm", "work", work, GroupNormWork(s))
	chunks, per := s.chunks(), s.chunkPixels()
	return byThreads(func(threads int) Phase {
		parts := s.groupParts(threads)
		pixels := func(task int) (from, upto int) { // in their sample
			from = task / parts % chunks * per
			return from, min(s.Pixels, from+per)
		}
		return Phase{
			Tasks: s.N * chunks * parts,
			Run: func(task int, _ []float32) {
				chunk, part := task/parts, task%parts
				from, upto := pixels(task)
				s.statistics(work[chunk*s.partial():][:s.partial()], x[chunk/chunks*size:][from*s.C:upto*s.C], s.Groups*part/parts, s.Groups*(part+1)/parts)
			},
			Size: func(task int) float64 {
				from, upto := pixels(task)
				return float64(upto - from)
			},
		}
	})
}

// leastSums is the fewest channels that are worth passing over a chunk for.
const leastSums = 64

// groupParts is how many tasks share a chunk, each with some of the groups: several where
// chunks are few for the threads, or do not come out even.
func (s NormShape) groupParts(threads int) int {
	chunks := s.N * s.chunks()
	if chunks >= manyTasks*threads {
		return 1
	}
	best, least := 1, ceilDiv(chunks, threads)
	for n := 2; n <= min(s.Groups, s.C/leastSums); n++ { // least/best against its time in chunks
		if rounds := ceilDiv(chunks*n, threads); pays(rounds*best, least*n) {
			best, least = n, rounds
		}
	}
	return best
}

// GroupNormPart is the second phase of [GroupNorm] for some pixels of one sample:
// it writes those from to upto of x [N Pixels C], normalised by the statistics in
// work, to out [upto−from C], which must not overlap them.
func GroupNormPart(out, x []float32, s NormShape, sample, from, upto int, gamma, beta []float32, eps float64, act Activation, work []float32) Phase {
	need("group norm", "x", x, s.N*s.Pixels*s.C)
	need("group norm", "out", out, (upto-from)*s.C)
	return s.pixelTasks(1, upto-from, 0, func(_, begin, end int, p affine, _ []float32) {
		s.affine(p, work[sample*s.chunks()*s.partial():], gamma, beta, eps)
		in := x[(sample*s.Pixels+from)*s.C:]
		normaliseRows(out[begin*s.C:end*s.C], in[begin*s.C:end*s.C], s.C, p, act)
	})
}
