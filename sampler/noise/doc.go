// Package noise has the sources of the random numbers of a run.
//
// A stream of numbers is a [Func], and each source gives one: [Torch] the numbers of
// PyTorch on a CPU, [Philox] those on CUDA, [Counter] numbers that depend on nothing but
// an image's own seed. [PerImage] divides a batch among several. [Brownian] is a [Path],
// from which the samplers of stochastic differential equations take increments.
//
//	draw := noise.NewTorch(7).Normal
//	draw(latents)
//
// Numbers are standard normal and float32, and the same on every platform up to a rounding
// of float64's logarithm, sine and cosine.
package noise
