package pillow

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A middle that lies between two pixels is that of the one which Pillow's NEAREST takes.
func TestNearest(t *testing.T) {
	nearest := func(few, many int) (pixels []int) {
		for _, t := range Nearest.Of(few, many) {
			pixels = append(pixels, t.First)
		}
		return pixels
	}
	assert.Equal(t, []int{0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5}, nearest(6, 13))
	assert.Equal(t, []int{0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2}, nearest(3, 14))
}
