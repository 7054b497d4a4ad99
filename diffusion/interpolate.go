package diffusion

import (
	"context"
	"math"

	"sdgo/internal/pillow"
)

// interpolation is how torch.nn.functional.interpolate changes the size of a map: what one
// side of from numbers makes of each of to.
type interpolation func(from, to int) []mixture

// mixture is what one number of the result is made of along one side.
type mixture struct {
	at     []int
	weight []float64
}

// The modes "bicubic", "bilinear", "nearest" and "nearest-exact", and the first two with
// antialias.
var (
	torchCubic        interpolation = cubicTaps
	torchLinear       interpolation = linearTaps
	torchNearest      interpolation = func(from, to int) []mixture { return nearestTaps(from, to, 0) }
	torchNearestExact interpolation = func(from, to int) []mixture { return nearestTaps(from, to, 0.5) }
	torchSmoothCubic  interpolation = mixturesOf(pillow.Bicubic)
	torchSmoothLinear interpolation = mixturesOf(pillow.Bilinear)
)

// resample resamples x [height width] to [h w].
func (f interpolation) resample(ctx context.Context, x []float32, height, width, h, w int) ([]float32, error) {
	columns := f(width, w)
	out := make([]float32, 0, h*w)
	for _, row := range f(height, h) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, column := range columns {
			sum := 0.0
			for i, y := range row.at {
				line := 0.0
				for j, at := range column.at {
					line += float64(column.weight[j] * float64(x[y*width+at]))
				}
				sum += float64(row.weight[i] * line)
			}
			out = append(out, float32(sum))
		}
	}
	return out, nil
}

// cubicTaps takes the four nearest numbers of each side, however much the map shrinks, and
// those at the border for what lies outside (Keys 1981 with a = -0.75).
func cubicTaps(from, to int) []mixture {
	taps := make([]mixture, to)
	for i := range taps {
		center := (float64(i)+0.5)*float64(from)/float64(to) - 0.5
		first := math.Floor(center)
		d := center - first
		taps[i] = mixture{make([]int, 4), []float64{cubicFar(1 + d), cubicNear(d), cubicNear(1 - d), cubicFar(2 - d)}}
		for k := range taps[i].at {
			taps[i].at[k] = min(max(int(first)-1+k, 0), from-1)
		}
	}
	return taps
}

// linearTaps takes the two nearest.
func linearTaps(from, to int) []mixture {
	taps := make([]mixture, to)
	for i := range taps {
		center := max((float64(i)+0.5)*float64(from)/float64(to)-0.5, 0)
		first := min(int(center), from-1)
		d := center - float64(first)
		taps[i] = mixture{[]int{first, min(first+1, from-1)}, []float64{1 - d, d}}
	}
	return taps
}

// nearestTaps takes the number that a share of a step further is in, in float32 as torch
// does.
func nearestTaps(from, to int, further float32) []mixture {
	scale := float32(from) / float32(to)
	taps := make([]mixture, to)
	for i := range taps {
		at := int(float32((float32(i) + further) * scale))
		taps[i] = mixture{[]int{min(at, from-1)}, []float64{1}}
	}
	return taps
}

// mixturesOf has the weights of a filter of Pillow's, which torch has with antialias.
func mixturesOf(f pillow.Filter) interpolation {
	return func(from, to int) []mixture { return mixed(f, from, to) }
}

func mixed(f pillow.Filter, from, to int) []mixture {
	scale := float64(from) / float64(to)
	stretch := max(scale, 1)
	taps := make([]mixture, to)
	for i := range taps {
		center := (float64(i) + 0.5) * scale
		first := max(0, int(center-f.Support*stretch+0.5))
		last := min(from, int(center+f.Support*stretch+0.5))
		total := 0.0
		for x := first; x < last; x++ {
			w := f.Weight((float64(x) - center + 0.5) / stretch)
			taps[i].at, taps[i].weight = append(taps[i].at, x), append(taps[i].weight, w)
			total += w
		}
		for k := range taps[i].weight {
			taps[i].weight[k] /= total
		}
	}
	return taps
}

// keys is the a of torch's cubic interpolation.
const keys = -0.75

// cubicNear is the weight at a distance of 0 to 1, (a+2)·d³ − (a+3)·d² + 1.
func cubicNear(d float64) float64 {
	slope := float64((keys+2)*d) - (keys + 3)
	return float64(slope*d*d) + 1
}

// cubicFar is the weight at a distance of 1 to 2, a·d³ − 5a·d² + 8a·d − 4a.
func cubicFar(d float64) float64 {
	curve := float64(keys*d) - 5*keys
	slope := float64(curve*d) + 8*keys
	return float64(slope*d) - 4*keys
}
