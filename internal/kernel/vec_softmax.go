package kernel

import "math"

// softmaxStart is the running maximum before the first score. No finite score
// is smaller, and unlike -Inf it gives no NaN if all scores are -Inf.
const softmaxStart = -math.MaxFloat32

// softmaxColumns is one round of the online softmax for 16 or 32 queries, the
// length of most, sum and rescale. The scores s [keys][32] are in units of
// ln 2, and the queries are the columns: a vector holds a key's scores for
// several queries, so nothing is ever summed across a vector.
//
// Given the maximum and the sum over the scores so far (softmaxStart and 0 at
// first) it replaces s by 2^(s - newMax), updates both, and tells the factor
// by which everything that was computed under the old maximum has to be
// rescaled.
//
// A score of -Inf has weight zero. NaN and +Inf make the sum NaN.
//
// Milakov and Gimelshein (2018), "Online normalizer calculation for softmax",
// algorithm 3.
// https://arxiv.org/abs/1805.02867
func softmaxColumnsGeneric(s []float32, keys int, most, sum, rescale []float32) {
	for q, old := range most {
		newMax := old
		for key := range keys {
			if v := s[key*panel+q]; v > newMax {
				newMax = v
			}
		}
		newMax += 0          // of two zeros the positive one, in whatever order they came
		var total [4]float32 // of every fourth key
		for key := range keys {
			p := exp2(s[key*panel+q] - newMax)
			s[key*panel+q] = p
			total[key%4] += p
		}
		most[q], rescale[q] = newMax, exp2(old-newMax)
		sum[q] = fma32(sum[q], rescale[q], (total[0]+total[2])+(total[1]+total[3]))
	}
}

// maxColumn is the largest of old and the numbers of column q.
func maxColumn(s []float32, keys, q int, old float32) float32 {
	newMax := old
	for key := range keys {
		if v := s[key*panel+q]; v > newMax {
			newMax = v
		}
	}
	return newMax + 0 // of two zeros the positive one, in whatever order they came
}

// scaleColumnsGeneric multiplies column i of x [rows][32] by f[i], for the 16
// or 32 columns that f has.
func scaleColumnsGeneric(x []float32, rows int, f []float32) {
	for r := range rows {
		for i, v := range x[r*panel:][:len(f)] {
			x[r*panel+i] = v * f[i]
		}
	}
}
