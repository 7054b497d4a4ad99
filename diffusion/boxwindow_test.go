package diffusion

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sdgo/unet"
)

// Boxes are where a window shows them, also round the edge.
func TestSeenIn(t *testing.T) {
	for _, tt := range []struct {
		from, upto    float64
		first, n, all int
		low, high     float64
	}{
		{0.25, 0.75, 0, 8, 16, 0.5, 1},
		{0.25, 0.75, 4, 8, 16, 0, 1},
		{0.25, 0.5, 4, 8, 16, 0, 0.5},
		{0.25, 0.5, 8, 8, 16, 0, 0},
		{0, 0.25, 12, 8, 16, 0.5, 1},        // round the edge
		{0.5, 1, 12, 8, 16, 0, 0.5},         // the part before it
		{0, 1, 12, 8, 16, 0, 0.5},           // as much on both sides
		{0.125, 0.25, 14, 8, 16, 0.5, 0.75}, // two cells, four from the window's left
	} {
		low, high := seenIn(tt.from, tt.upto, tt.first, tt.n, tt.all)
		assert.Equal(t, []float64{tt.low, tt.high}, []float64{low, high}, tt)
	}
}

func TestBoxesWithin(t *testing.T) {
	const width = 3
	g := &grounding{given: []Box{{Left: 0, Top: 0, Right: 0.5, Bottom: 1}, {Left: 0.5, Top: 0, Right: 1, Bottom: 0.5}}}
	for i := range unet.MaxBoxes {
		numbers := make([]float32, width+unet.BoxFeatures)
		if i < len(g.given) {
			b := g.given[i]
			numbers[0] = float32(i + 1)
			copy(numbers[width:], unet.BoxCorners(b.Left, b.Top, b.Right, b.Bottom))
			g.mask = append(g.mask, 1, 1)
		} else {
			g.mask = append(g.mask, 0, 0)
		}
		g.boxes = append(g.boxes, numbers...)
	}
	assert.Same(t, g, g.within(window{h: 8, w: 16}, 8, 16))

	part := g.within(window{left: 4, h: 8, w: 8}, 8, 16)
	one := width + unet.BoxFeatures
	assert.Equal(t, append([]float32{1, 0, 0}, unet.BoxCorners(0, 0, 0.5, 1)...), part.boxes[:one])
	assert.Equal(t, append([]float32{2, 0, 0}, unet.BoxCorners(0.5, 0, 1, 0.5)...), part.boxes[one:2*one])
	assert.Equal(t, g.mask, part.mask)

	below := g.within(window{top: 4, left: 8, h: 4, w: 8}, 8, 16) // where there is none
	assert.Equal(t, make([]float32, len(g.boxes)), below.boxes)
	assert.Equal(t, make([]float32, len(g.mask)), below.mask)
	assert.Equal(t, float32(1), g.mask[0], "those of the whole stay as they are")
}
