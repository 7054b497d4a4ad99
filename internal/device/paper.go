package device

import "time"

// Cost is what a launch takes of a card, on paper.
type Cost struct {
	Bytes float64 // of memory that is read and written, each once
	FLOPs float64

	tensor bool    // the arithmetic is tensor cores'
	share  float64 // of their or the others' rate that it comes to
	tiles  float64 // or the µs that the tiles of a product take
}

// The shares of a card's rate that arithmetic comes to: what an H100 did in SD 1.5.
const (
	attentionShare = 0.21
	plainShare     = 0.18
)

// What an H100 took for the least launch, and the share of its memory's rate that a
// launch comes to.
const (
	launchTime     = 1500 * time.Nanosecond
	bandwidthShare = 0.85
)

func (l Launch) moves(bytes int) Launch {
	l.Cost.Bytes = float64(bytes)
	return l
}

func (l Launch) computes(flops, share float64) Launch {
	l.Cost.FLOPs, l.Cost.share, l.Cost.tensor = flops, share, true
	return l
}

func (l Launch) computesPlain(flops float64) Launch {
	l.Cost.FLOPs, l.Cost.share = flops, plainShare
	return l
}

func (l Launch) computesTiles(flops, tiles float64) Launch {
	l.Cost.FLOPs, l.Cost.tiles, l.Cost.tensor = flops, tiles, true
	return l
}

// multiplier is what a multiprocessor multiplies and adds at each clock: numbers of 16
// bits with sums of 32 on tensor cores, by mma.sync, which comes to five eighths of an
// H100's rate; and float32s on the other units.
type multiplier struct{ tensor, plain float64 }

// perClock is by architecture. Cards of one for computing centres have twice as much on
// tensor cores.
var perClock = map[int]multiplier{
	75: {256, 64}, 80: {1024, 64}, 86: {256, 128}, 87: {512, 128}, 89: {256, 128}, 90: {1284, 128}, 100: {1284, 128}, 120: {256, 128},
}

// perClock is the architecture's, or something modest where it is not known.
func (t Target) perClock() multiplier {
	if per, ok := perClock[t.Arch]; ok {
		return per
	}
	return perClock[86]
}

// rate is the card's floating-point operations a second.
func (t Target) rate(tensor bool) float64 {
	per := t.perClock()
	n := per.plain
	if tensor {
		n = per.tensor
	}
	return 2 * n * float64(t.SMs) * 1e9 * t.clock()
}

// clock is the clock in GHz, and memory the bytes a second: something modest where they
// are not known.
func (t Target) clock() float64 {
	if t.Clock <= 0 {
		return 1.4
	}
	return t.Clock
}

func (t Target) memory() float64 {
	if t.Bandwidth <= 0 {
		return 300e9
	}
	return 1e9 * t.Bandwidth
}

// Roof is the least time that the launch's arithmetic, or its traffic, could take on the
// card.
func (l Launch) Roof(t Target) time.Duration {
	return seconds(max(l.Cost.Bytes/t.memory(), l.Cost.FLOPs/t.rate(l.Cost.tensor)))
}

// slower is how many times as long as an H100's a multiprocessor's tensor cores take. The
// clock that an H100 reports is above the one that it had in the timings.
func (t Target) slower() float64 {
	h100 := Cards[len(Cards)-1]
	if t.Arch == h100.Arch {
		return 1
	}
	x := perClock[h100.Arch].tensor / t.perClock().tensor
	if t.Clock > 0 {
		x *= h100.Clock / t.Clock
	}
	return x
}

// slowerMemory is how many times as long as an H100's the card's memory takes.
func (t Target) slowerMemory() float64 {
	if t.Bandwidth <= 0 {
		return 1
	}
	return Cards[len(Cards)-1].Bandwidth / t.Bandwidth
}

// Time predicts how long the launch takes on the card that it was made for.
func (l Launch) Time(t Target) time.Duration {
	c := l.Cost
	arithmetic := 0.0
	switch {
	case c.tiles > 0:
		arithmetic = 1e-6 * c.tiles
	case c.FLOPs > 0:
		arithmetic = c.FLOPs / (c.share * t.rate(c.tensor))
	}
	return launchTime + seconds(max(c.Bytes/(bandwidthShare*t.memory()), arithmetic))
}

func seconds(s float64) time.Duration { return time.Duration(s * 1e9) }
