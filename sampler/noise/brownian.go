package noise

import (
	"fmt"
	"math"
	"strconv"
)

// Brownian is a Brownian path between two noise levels: what k-diffusion's
// BrownianTreeNoiseSampler makes with torchsde's BrownianTree, for one seed, to
// the rounding of its float32 sums. Runs with the same seed follow the same path
// whatever their levels, so that pictures of more steps look alike.
//
// The path is refined by halves: the value in the middle of an interval is drawn
// given its ends, from a generator that the interval's place in the tree seeds.
// Levels are rounded to 1e-6, as in torchsde.
//
// It keeps no state, so any number of goroutines may use one Brownian.
type Brownian struct {
	seed      uint64
	low, high float64
}

// brownianDigits is the number of decimals of a level; brownianDepth bounds the
// halvings, of which a level needs about 25.
const (
	brownianDigits = 6
	brownianDepth  = 60
)

// NewBrownian returns the path of a seed between the levels low and high, the
// lowest positive and the highest sigma of the run.
func NewBrownian(seed uint64, low, high float64) (*Brownian, error) {
	if !(low >= 0 && low < high) || math.IsInf(high, 1) {
		return nil, fmt.Errorf("noise: brownian: have a path between levels %g and %g, want rising levels from 0", low, high)
	}
	return &Brownian{seed: seed, low: round(low), high: round(high)}, nil
}

// Noise fills dst with the path's increment from one level to another, divided by
// the square root of their distance: standard normal numbers. It is a [Path].
// Levels outside the path count as its ends.
func (b *Brownian) Noise(dst []float32, from, to float64) {
	clear(dst)
	if from == to {
		return
	}
	w := math.Sqrt(math.Abs(to - from))
	start, end := b.at(from, len(dst)), b.at(to, len(dst))
	for i := range dst {
		dst[i] = float32((end[i] - start[i]) / w)
	}
}

// at returns the path's n values at a level; they are 0 at the lowest.
func (b *Brownian) at(level float64, n int) []float64 {
	level = math.Min(math.Max(round(level), b.low), b.high)
	value, increment := make([]float64, n), make([]float64, n)
	if level == b.low {
		return value
	}
	fresh := make([]float32, n)
	NewTorch(uint64(seedSequence(b.seed, nil))).Normal(fresh)
	for i, v := range fresh {
		increment[i] = float64(v) * math.Sqrt(b.high-b.low)
	}

	start, end := b.low, b.high
	key := uint64(0)
	for depth := uint64(0); level < end && depth < brownianDepth; depth++ {
		middle := round(0.5 * (start + end))
		NewTorch(uint64(seedSequence(b.seed, []uint64{key, depth}))).Normal(fresh)
		left, right := middle-start, end-middle
		mean, deviation := left/(end-start), math.Sqrt(left*right/(end-start))
		goesRight := level >= middle
		for i, v := range fresh {
			half := float64(mean*increment[i]) + float64(deviation*float64(v)) // of the left side
			if goesRight {
				value[i] += half
				increment[i] -= half
			} else {
				increment[i] = half
			}
		}
		key *= 2
		if goesRight {
			if level == middle {
				return value
			}
			start = middle
			key++
		} else {
			end = middle
		}
	}
	for i := range value {
		value[i] += increment[i]
	}
	return value
}

// round is Python's round(x, 6).
func round(x float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'f', brownianDigits, 64), 64)
	if err != nil {
		return x // NaN or infinite
	}
	return rounded
}
