// Package sampler steps latents from noise to an image's latents: it solves the
// diffusion equation between the noise levels that package scheduler chose.
//
// Every sampler works in the coordinates of Karras et al. (2022), x = x₀ + σ·ε,
// and knows the model only as a [Denoiser], a function that gives an [Estimate] of x₀
// from x at noise level σ. What a model predicts (ε, v or x₀), guidance, inpainting and
// bounds on the estimate are Denoisers around a Denoiser; a sampler never hears
// of them.
//
// A sampler is a plain struct of options whose zero value is the published
// method. It keeps no state between runs, so one value may serve any number of
// goroutines. Writing another takes a Sample method: see the example.
//
// There are three ways to a sampler: its type, its name ([ByName], [Named],
// [ParseLabel]; [Names] lists them), and the scheduler config of a model
// ([FromSolver]).
//
// CFG++ is a modifier of some samplers, their field CFGPlusPlus, for which an Estimate
// also has the unconditional one: see [NeedsUncond].
//
// Noise comes from the caller: [Torch] draws the numbers of PyTorch on a CPU,
// [Philox] those on CUDA, [Counter] numbers that depend on nothing but an image's
// own seed, and [Brownian] the increments of one path for the samplers of SDEs.
//
// Coefficients are computed in float64 and in forms without cancellation; each
// new value of the state is rounded to float32 once.
package sampler
