package diffusion

import (
	"slices"

	"sdgo/unet"
)

// within are the boxes as a window of latents h×w shows them: cut off at its edges, and left
// out where they are elsewhere. Of a window that goes round the edge it is the side on which
// more of a box is.
func (g *grounding) within(v window, h, w int) *grounding {
	if v == (window{h: h, w: w}) {
		return g
	}
	part := &grounding{boxes: slices.Clone(g.boxes), mask: slices.Clone(g.mask), given: g.given, last: g.last}
	features, parts := len(g.boxes)/unet.MaxBoxes, len(g.mask)/unet.MaxBoxes
	for i, b := range g.given {
		numbers := part.boxes[i*features : (i+1)*features]
		left, right := seenIn(b.Left, b.Right, v.left, v.w, w)
		top, bottom := seenIn(b.Top, b.Bottom, v.top, v.h, h)
		if left >= right || top >= bottom {
			clear(numbers)
			clear(part.mask[i*parts : (i+1)*parts])
			continue
		}
		copy(numbers[features-unet.BoxFeatures:], unet.BoxCorners(left, top, right, bottom))
	}
	return part
}

// seenIn is what n cells, from a first one on, of all show of a span, which is in shares of
// all, in shares of the n. It may go round.
func seenIn(from, upto float64, first, n, all int) (low, high float64) {
	for _, round := range []int{0, all} {
		at := func(x float64) float64 {
			return min(max((x*float64(all)+float64(round-first))/float64(n), 0), 1)
		}
		if a, b := at(from), at(upto); b-a > high-low {
			low, high = a, b
		}
	}
	return low, high
}
