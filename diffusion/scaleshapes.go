package diffusion

import (
	"fmt"
	"math"
)

// LinearScale is a scale that goes straight from that of the first step to that of the
// last, as a [ScaleSchedule].
type LinearScale struct{ First, Last float64 } // 0 to 1000

// CosineScale is a scale that goes from that of the first step to that of the last along
// half a wave of the cosine, slowly at both ends, as a [ScaleSchedule].
type CosineScale struct{ First, Last float64 } // 0 to 1000

// ScaleList is one scale for each step, 0 to 1000, as a [ScaleSchedule]. A call between
// two levels has a scale in between.
type ScaleList []float64

// ScaleAt implements [ScaleSchedule].
func (s LinearScale) ScaleAt(step float64, steps int, _ float64) float64 {
	return between(s.First, s.Last, share(step, steps))
}

// ScaleAt implements [ScaleSchedule].
func (s CosineScale) ScaleAt(step float64, steps int, _ float64) float64 {
	return between(s.First, s.Last, (1-math.Cos(math.Pi*share(step, steps)))/2)
}

// ScaleAt implements [ScaleSchedule]. It is NaN of an empty list.
func (s ScaleList) ScaleAt(step float64, _ int, _ float64) float64 {
	if len(s) == 0 || math.IsNaN(step) {
		return math.NaN()
	}
	step = min(max(step, 0), float64(len(s)-1))
	i := int(step)
	return between(s[i], s[min(i+1, len(s)-1)], step-float64(i))
}

// share is how much of the run is behind, 0 at the first step and 1 at the last.
func share(step float64, steps int) float64 {
	if steps < 2 {
		return 0
	}
	return step / float64(steps-1)
}

// between is a share of the way from one scale to another.
func between(from, to, share float64) float64 {
	return float64(from*(1-share)) + float64(to*share)
}

// check implements checked.
func (s LinearScale) check(int) error { return checkEnds("linear scale", s.First, s.Last) }

// check implements checked.
func (s CosineScale) check(int) error { return checkEnds("cosine scale", s.First, s.Last) }

func checkEnds(shape string, first, last float64) error {
	if err := checkScale(shape, "a First", first); err != nil {
		return err
	}
	return checkScale(shape, "a Last", last)
}

// check implements checked.
func (s ScaleList) check(steps int) error {
	if steps > 0 && len(s) != steps {
		return fmt.Errorf("scale list: have %d scales, want %d, one for each step", len(s), steps)
	}
	for i, scale := range s {
		if err := checkScale("scale list", fmt.Sprintf("a scale %d", i), scale); err != nil {
			return err
		}
	}
	return nil
}
