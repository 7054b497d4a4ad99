package kernel

import "math"

// NormShape describes a group normalisation of x [N Pixels C]: the channels
// form Groups equal groups.
type NormShape struct {
	N, Pixels, C, Groups int
}

// Statistics are taken in chunks of pixels, fixed by the shape of one sample,
// so that neither threads nor the batch change a sum. Few chunks keep their
// combination cheap: every task of the second phase repeats it.
const maxNormChunks = 64

func (s NormShape) chunkPixels() int {
	return max(1, taskSize/s.C, (s.Pixels+maxNormChunks-1)/maxNormChunks)
}

func (s NormShape) chunks() int {
	per := s.chunkPixels()
	return (s.Pixels + per - 1) / per
}

// partial is the number of words that a chunk's statistics take: the sum and
// the sum of squares of each group, each as two float32s.
func (s NormShape) partial() int { return 4 * s.Groups }

// GroupNormWork is the length of the work that GroupNorm needs.
func GroupNormWork(s NormShape) int { return s.N * s.chunks() * s.partial() }

// GroupNorm normalises each sample and group of x [N Pixels C] to mean 0 and
// variance 1 over its pixels and channels, then applies gamma [C], beta [C] and
// the activation. out may be x. The sums are float64: a mean far larger than
// the deviation costs no accuracy. The squares of values beyond 1e16 overflow,
// and the group becomes NaN.
//
// Wu and He (2018), "Group normalization", equation 7.
// https://arxiv.org/abs/1803.08494
func GroupNorm(out, x []float32, s NormShape, gamma, beta []float32, eps float64, act Activation, work []float32) []Phase {
	need("group norm", "out", out, s.N*s.Pixels*s.C)
	return groupNorm(x, s, gamma, beta, eps, work, 0, func(from, to int, p affine, _ []float32) {
		normaliseRows(out[from:to], x[from:to], s.C, p, act)
	})
}

// GroupNormRounded is [GroupNorm] whose out is bfloat16. It must not overlap x.
func GroupNormRounded(out, x []float32, s NormShape, gamma, beta []float32, eps float64, act Activation, work []float32) []Phase {
	need("group norm", "out", out, RoundedLen(s.N*s.Pixels*s.C))
	const inCache = 2048 // numbers that the first-level cache holds beside x
	per := max(1, inCache/max(1, s.C)) * s.C
	return groupNorm(x, s, gamma, beta, eps, work, per, func(from, to int, p affine, scratch []float32) {
		for ; from < to; from += per {
			n := min(per, to-from)
			normaliseRows(scratch[:n], x[from:from+n], s.C, p, act)
			roundBFloat16s(halves(out)[from:from+n], scratch[:n])
		}
	})
}

// groupNorm is GroupNorm in which write stores the pixels x[from:to], for which it has
// scratch of its own.
func groupNorm(x []float32, s NormShape, gamma, beta []float32, eps float64, work []float32,
	scratch int, write func(from, to int, p affine, scratch []float32)) []Phase {
	if s.Groups < 1 || s.C < 1 || s.C%s.Groups != 0 {
		panic("kernel: group norm: channels do not divide into the groups")
	}
	size := s.Pixels * s.C
	need("group norm", "x", x, s.N*size)
	need("group norm", "gamma", gamma, s.C)
	need("group norm", "beta", beta, s.C)
	need("group norm", "work", work, GroupNormWork(s))

	normalise := s.pixelTasks(s.N, s.Pixels, scratch, func(sample, from, upto int, p affine, scratch []float32) {
		s.affine(p, work[sample*s.chunks()*s.partial():], gamma, beta, eps)
		write(sample*size+from*s.C, sample*size+upto*s.C, p, scratch)
	})
	return []Phase{GroupNormStatistics(x, s, work), normalise}
}

// pixelTasks is a phase over some pixels of each of some samples, whose tasks make an
// affine of a sample's statistics first, and have scratch beside.
func (s NormShape) pixelTasks(samples, pixels, scratch int, run func(sample, from, upto int, p affine, scratch []float32)) Phase {
	width := roundUp(s.C, lanes)
	return byThreads(func(threads int) Phase {
		parts := tasksOf(pixels, s.C, max(leastTask, affineCost*s.C), ceilDiv(threads, max(1, samples)))
		return Phase{Tasks: samples * parts, Scratch: 3*width + scratch, Run: func(task int, scratch []float32) {
			p := affine{take(&scratch, width), take(&scratch, width), take(&scratch, width)}
			sample, part := task/parts, task%parts
			run(sample, pixels*part/parts, pixels*(part+1)/parts, p, scratch)
		}}
	})
}

// affineCost is how many elements are normalised in the time of a channel's affine, and
// some more.
const affineCost = 16

// statistics stores the sums of x [pixels C] into the partial result of a
// chunk: those of the groups from to upto.
func (s NormShape) statistics(partial, x []float32, from, upto int) {
	const block = 256 // channels whose sums the stack holds
	var channels [2 * block]float64
	size := s.C / s.Groups
	groups := groupSums{size: size, group: from, partial: partial}
	for first := from * size; first < upto*size; first += block {
		n := min(block, upto*size-first)
		sums := channels[:2*n]
		clear(sums)
		sumChannels(sums[:n], sums[n:], x[first:], s.C)
		groups.add(sums[:n], sums[n:])
	}
}

// groupSums adds up the sums of channels, one after the other, to those of groups of
// size channels, which it stores into partial.
type groupSums struct {
	size, channel, group int
	sum, squares         float64
	partial              []float32
}

func (g *groupSums) add(sums, squares []float64) {
	for c := range sums {
		g.sum += sums[c]
		g.squares += squares[c]
		if g.channel++; g.channel == g.size {
			putFloat64(g.partial[4*g.group:], g.sum)
			putFloat64(g.partial[4*g.group+2:], g.squares)
			*g = groupSums{size: g.size, group: g.group + 1, partial: g.partial}
		}
	}
}

// affine maps x to (x - mean)·scale + shift, channel by channel. A mean far
// from zero is subtracted first, which is exact for values close to it. The
// slices are padded to a multiple of the lanes.
type affine struct {
	mean, scale, shift []float32
}

// affine combines a sample's partial statistics, chunk after chunk.
func (s NormShape) affine(p affine, partials, gamma, beta []float32, eps float64) {
	size := s.C / s.Groups
	count := float64(s.Pixels * size)
	for group := range s.Groups {
		var sum, squares float64
		for chunk := range s.chunks() {
			partial := partials[chunk*s.partial()+4*group:]
			sum += getFloat64(partial)
			squares += getFloat64(partial[2:])
		}
		mean, deviation := moments(sum, squares, count, eps)
		m := float32(mean)
		for c := group * size; c < (group+1)*size; c++ {
			p.mean[c] = m
			p.scale[c] = float32(float64(gamma[c]) / deviation)
			p.shift[c] = float32(float64(beta[c]) - float64((mean-float64(m))*float64(p.scale[c])))
		}
	}
	for c := s.C; c < len(p.mean); c++ {
		p.mean[c], p.scale[c], p.shift[c] = 0, 0, 0
	}
}

// moments returns the mean and √(variance + eps).
func moments(sum, squares, count, eps float64) (mean, deviation float64) {
	mean = sum / count
	variance := squares/count - float64(mean*mean)
	if variance < 0 { // rounding, when all values are equal
		variance = 0
	}
	return mean, math.Sqrt(variance + eps)
}

// putFloat64 stores v as the sum of two float32s, which keep 48 of its bits.
func putFloat64(at []float32, v float64) {
	at[0] = float32(v)
	at[1] = float32(v - float64(at[0]))
}

func getFloat64(at []float32) float64 { return float64(at[0]) + float64(at[1]) }

// sumChannelsGeneric adds to sums[i] and squares[i] the values of channel i
// and their squares, pixel after pixel. x holds pixels of c channels and
// starts at channel 0.
func sumChannelsGeneric(sums, squares []float64, x []float32, c int) {
	squares = squares[:len(sums)]
	for ; len(x) > 0; x = x[min(c, len(x)):] {
		for i, v := range x[:len(sums)] {
			f := float64(v)
			sums[i] += f
			squares[i] += float64(f * f) // the product is exact
		}
	}
}

// normaliseRowsGeneric applies p and the activation to pixels of c channels.
func normaliseRowsGeneric(out, x []float32, c int, p affine, act Activation) {
	for from := 0; from < len(x); from += c {
		row := out[from:][:c]
		for i, v := range x[from:][:c] {
			row[i] = fma32(v-p.mean[i], p.scale[i], p.shift[i])
		}
		if act != None {
			activateGeneric(row, row, act)
		}
	}
}
