// Package scheduler decides at which noise levels a diffusion model is called,
// and in which order.
//
// A [Config] is what a checkpoint's scheduler/scheduler_config.json says: the
// noise the model was trained with and how to choose a few of its levels. From
// it comes a [Schedule], the list of levels of one run, which package sampler
// then steps through:
//
//	config, err := scheduler.ParseConfig(data)
//	schedule, err := config.Schedule(30)       // or ScheduleNamed("karras", 30)
//	schedule, err = schedule.Tail(0.6)         // image-to-image only
//	s, err := sampler.FromSolver(sampler.Solver(schedule.Solver))
//	err = s.Sample(ctx, denoise, x, schedule.Sigmas, noise)
//
// Levels are sigmas in the sense of Karras et al. (2022): x = x₀ + σ·ε, whatever
// form the checkpoint's own scheduler class keeps its latents in. A model trained
// on √ᾱ·x₀ + √(1−ᾱ)·ε (the variance-preserving form) is at σ = √((1−ᾱ)/ᾱ) and
// takes x/√(1+σ²).
//
// The numbers follow diffusers 0.42.1: the tables are computed in float32 in
// torch's order of operations, the rest in float64, so that sigmas and timesteps
// agree with it to rounding.
//
// Each scheduler class of diffusers is one entry in the file of its family (ddim.go,
// euler.go, dpmsolver.go, …; class.go says what an entry has), from which its keys, their
// checks, its levels and its solver are read. Schedules with a name are in names.go.
//
// Nothing in this package keeps state: a Config or Schedule may be used by any
// number of goroutines as long as none changes its fields.
package scheduler
