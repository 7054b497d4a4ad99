package diffusion

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A window shows a part of the latents, and beyond their edges what is at the other side.
func TestWindowCrop(t *testing.T) {
	x := make([]float32, 2*3*4) // [2 3 4]: 100·plane + 10·row + column
	for i := range x {
		x[i] = float32(100*(i/12) + 10*(i/4%3) + i%4)
	}
	for _, tt := range []struct {
		window window
		want   []float32
	}{
		{window{0, 0, 3, 4}, x},
		{window{1, 1, 2, 2}, []float32{11, 12, 21, 22, 111, 112, 121, 122}},
		{window{2, 3, 2, 3}, []float32{23, 20, 21, 3, 0, 1, 123, 120, 121, 103, 100, 101}},
	} {
		got := make([]float32, len(tt.want))
		tt.window.crop(got, x, 3, 4)
		assert.Equal(t, tt.want, got, tt.window)
	}
}
