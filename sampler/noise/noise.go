package noise

import "slices"

// Func fills dst with the next standard normal numbers of a stream. dst is the state of
// a run: the latents of all its images, one after the other.
type Func func(dst []float32)

// PerImage divides a batch's noise among several sources, one for each image, as
// diffusers does with a list of generators. Without sources, or if one is nil, it is
// nil, which samplers that add noise refuse.
func PerImage(sources ...Func) Func {
	if len(sources) == 0 || slices.ContainsFunc(sources, func(n Func) bool { return n == nil }) {
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
