package noise

import (
	"math"
	"slices"
)

// Counter draws normal numbers that depend on nothing but an image's seed, the
// number of the draw and the element's place in the image. So a picture does not
// change with the others of its batch or with its place among them.
//
// A Counter counts its draws: it must not be used from two goroutines at once.
type Counter struct {
	seeds []uint64
	draw  uint64
}

// NewCounter returns the noise of a batch of images, by the seed of each.
// Without seeds it is that of one image of seed 0.
func NewCounter(seeds ...uint64) *Counter {
	if len(seeds) == 0 {
		seeds = []uint64{0}
	}
	return &Counter{seeds: slices.Clone(seeds)}
}

// Normal fills dst, the latents of all images one after the other, with each
// image's numbers. It is a [Func].
func (g *Counter) Normal(dst []float32) {
	for k, seed := range g.seeds {
		image := part(dst, k, len(g.seeds))
		size := len(image)
		for i := 0; i < size; i += 4 {
			w := philox(seed, [4]uint32{uint32(i / 4), uint32(uint64(i/4) >> 32), uint32(g.draw), uint32(g.draw>>32) | 1<<31})
			for j := 0; j < 4 && i+j < size; j += 2 {
				radius := math.Sqrt(-2 * math.Log((float64(w[j])+0.5)/(1<<32)))
				sin, cos := math.Sincos(2 * math.Pi * (float64(w[j+1]) + 0.5) / (1 << 32))
				image[i+j] = float32(radius * cos)
				if i+j+1 < size {
					image[i+j+1] = float32(radius * sin)
				}
			}
		}
	}
	g.draw++
}
