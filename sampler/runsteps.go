package sampler

import (
	"context"
	"sync"
)

// A [Run] leaves a follower in the context of its sampler. The samplers of this
// package tell it whenever they have finished a step, since the levels of model calls
// do not: the second call of a Heun step is made at the level of its end, with a state
// that is not yet the step's.
type follower struct {
	sigmas []float64 // as the sampler got them
	size   int       // of the state

	mu    sync.Mutex
	told  bool // the sampler tells
	total int  // steps of the run
	step  int  // steps done
	ended bool
	yield func(step int, x []float32, sigma float64)
}

type followerKey struct{}

// reached says that a sampler has done steps of its levels, and has x at the level of
// the same index. Steps of no number, at the start, say that it will tell.
func reached(ctx context.Context, sigmas []float64, step int, x []float32) {
	reachedOf(ctx, sigmas, step, len(sigmas)-1, x, sigmas[step])
}

// reachedOf is reached for a sampler whose steps are not those between its levels.
func reachedOf(ctx context.Context, sigmas []float64, step, total int, x []float32, sigma float64) {
	if f, ok := ctx.Value(followerKey{}).(*follower); ok {
		f.reached(sigmas, step, total, x, sigma)
	}
}

// reached takes what a sampler tells, or one that another sampler runs on all levels or
// on some of them. The last step is the run's to yield.
func (f *follower) reached(sigmas []float64, step, total int, x []float32, sigma float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := f.place(sigmas)
	if f.ended || first < 0 || len(x) != f.size {
		return
	}
	f.told = true
	if len(sigmas) == len(f.sigmas) {
		f.total = total
	}
	f.advance(first+step, x, sigma)
}

// advance yields a step that was not yielded before.
func (f *follower) advance(step int, x []float32, sigma float64) {
	if step > f.step && step < f.total {
		f.step = step
		f.yield(step, x, sigma)
	}
}

// called is told of every model call but the first. As long as the sampler does not tell
// of its steps, which one of another package does not, a call with the state itself at
// one of the next levels ends a step.
func (f *follower) called(x []float32, sigma float64, state bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.told || f.ended || !state {
		return
	}
	for i := f.step + 1; i < len(f.sigmas)-1; i++ {
		if f.sigmas[i] == sigma {
			f.advance(i, x, sigma)
			return
		}
	}
}

// place returns where in the run's levels a list of the same memory begins, or -1.
func (f *follower) place(sigmas []float64) int {
	for i := range f.sigmas {
		if len(sigmas) > 0 && &f.sigmas[i] == &sigmas[0] {
			return i
		}
	}
	return -1
}

// end takes no more steps.
func (f *follower) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
}
