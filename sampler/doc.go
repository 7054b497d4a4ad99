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
// ([FromSolver]). A sampler can also be asked for its name and its scheduler class
// ([Describe]), and be fitted to levels that come from a config ([Fitted]), from within
// a caller's own that wraps it, too.
//
// CFG++ is a modifier of some samplers, their field CFGPlusPlus, for which an Estimate
// also has the unconditional one: see [NeedsUncond].
//
// Noise comes from the caller: [Torch] draws the numbers of PyTorch on a CPU,
// [Philox] those on CUDA, [Counter] numbers that depend on nothing but an image's
// own seed, and [Brownian] the increments of one path for the samplers of SDEs. They
// are those of package noise.
//
// A [Run] follows a sampler step by step, and can be left, saved and taken up again.
//
// Coefficients are computed in float64 and in forms without cancellation; each
// new value of the state is rounded to float32 once.
//
// # Map
//
// A file has one subject, and the files have these rooms:
//
//	what a sampler is    sampler.go, cfgplusplus.go
//	solvers              euler.go, heun.go, …: a file for each method of a paper or program
//	what they share      check.go   levels, state and options that make sense
//	                     vector.go  arithmetic on the state, history.go the last few of them
//	                     eta.go     fresh noise in a step, churn.go before a step
//	                     linear.go, integrals.go, dpmterms.go, dpmstages.go, tau.go  equations
//	names                names.go   the table, label.go labels of other programs,
//	                     describe.go  the way back, from a sampler to its name
//	scheduler configs    solver.go  what a config wants, classes.go the sampler of each class,
//	                     fit.go     what any sampler takes from it, limit.go its bounds
//	runs                 run.go, runsteps.go  step by step
//	                     runreplace.go  changed
//	                     runstate.go   saved
//	                     exclusive.go  a Denoiser that leaves the hands of its maker
//	noise                package noise; noise.go has its names here
package sampler
