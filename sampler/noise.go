package sampler

import "sdgo/sampler/noise"

// Package noise's sources of random numbers, under the names of this package.
type (
	// Noise fills dst, which has the state's length, with fresh standard normal numbers.
	Noise = noise.Func

	// PathNoise fills dst with the increment of a Brownian path between two noise levels,
	// scaled to unit variance. Increments of intervals that overlap share what they have
	// in common, which fresh noise does not.
	PathNoise = noise.Path

	// Torch draws the numbers of torch.Generator("cpu").
	Torch = noise.Torch

	// Philox draws torch's normal numbers on CUDA.
	Philox = noise.Philox

	// Counter draws numbers that depend on nothing but an image's seed.
	Counter = noise.Counter

	// Brownian is a Brownian path between two noise levels, k-diffusion's for its seed.
	Brownian = noise.Brownian
)

// NewTorch is [noise.NewTorch]: the stream of torch.Generator("cpu").manual_seed(seed).
func NewTorch(seed uint64) *Torch { return noise.NewTorch(seed) }

// NewPhilox is [noise.NewPhilox]: the stream of torch.manual_seed(seed) on a CUDA device.
func NewPhilox(seed uint64) *Philox { return noise.NewPhilox(seed) }

// NewCounter is [noise.NewCounter]: the noise of a batch of images, by the seed of each.
func NewCounter(seeds ...uint64) *Counter { return noise.NewCounter(seeds...) }

// NewBrownian is [noise.NewBrownian]: the path of a seed between the levels low and high.
func NewBrownian(seed uint64, low, high float64) (*Brownian, error) {
	return noise.NewBrownian(seed, low, high)
}

// PerImage is [noise.PerImage]: a batch's noise from a source for each image.
func PerImage(sources ...Noise) Noise { return noise.PerImage(sources...) }
