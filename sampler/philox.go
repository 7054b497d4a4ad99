package sampler

import (
	"math"
	"slices"
)

// Philox draws torch's CUDA normal numbers as Stable Diffusion WebUI reproduces
// them on a CPU: Philox4x32-10 of Salmon et al. (2011), one counter for each
// element and one for each call, and Box-Muller in float32. All 64 bits of the
// seed count.
//
// A Philox is a stream with state: it must not be used from two goroutines at once.
//
// https://doi.org/10.1145/2063384.2063405
type Philox struct {
	seed   uint64
	offset uint32
}

// NewPhilox returns the stream of torch.manual_seed(seed) on a CUDA device.
func NewPhilox(seed uint64) *Philox { return &Philox{seed: seed} }

// Normal fills dst with torch.randn(len(dst), device="cuda"). It is a [Noise].
func (g *Philox) Normal(dst []float32) {
	const unit = float32(2.3283064e-10) // 2⁻³²
	const turn = float32(2.3283064e-10 * 6.2831855)
	for i := range dst {
		w := philox(g.seed, [4]uint32{g.offset, 0, uint32(i), 0})
		u := float32(float32(w[0])*unit) + unit/2
		v := float32(float32(w[1])*turn) + turn/2
		radius := float32(math.Sqrt(float64(-2 * float32(math.Log(float64(u))))))
		dst[i] = radius * float32(math.Sin(float64(v)))
	}
	g.offset++
}

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
// image's numbers. It is a [Noise].
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

// PerImage divides a batch's noise among several sources, one for each image, as
// diffusers does with a list of generators. Without sources, or if one is nil, it is
// nil, which samplers that add noise refuse.
func PerImage(sources ...Noise) Noise {
	if len(sources) == 0 || slices.ContainsFunc(sources, func(n Noise) bool { return n == nil }) {
		return nil
	}
	return func(dst []float32) {
		for k, noise := range sources {
			noise(part(dst, k, len(sources)))
		}
	}
}

// part returns image k of a batch of n, which share dst evenly.
func part(dst []float32, k, n int) []float32 {
	return dst[len(dst)*k/n : len(dst)*(k+1)/n]
}

// philox is ten rounds of Philox4x32.
func philox(key uint64, c [4]uint32) [4]uint32 {
	k0, k1 := uint32(key), uint32(key>>32)
	for range 10 {
		a, b := uint64(c[0])*0xd2511f53, uint64(c[2])*0xcd9e8d57
		c = [4]uint32{uint32(b>>32) ^ c[1] ^ k0, uint32(b), uint32(a>>32) ^ c[3] ^ k1, uint32(a)}
		k0 += 0x9e3779b9
		k1 += 0xbb67ae85
	}
	return c
}
