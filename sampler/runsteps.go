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
	yield func(step int, x []float32, sigma float64) (replaced bool)
}

type followerKey struct{}

// reached says that a sampler has done steps of its levels, and has x at the level of
// the same index. Steps of no number, at the start, say that it will tell. It returns whether
// x was replaced, by [Run.Replace]: a sampler that would go on from an earlier state than x
// goes on from x then.
func reached(ctx context.Context, sigmas []float64, step int, x []float32) (replaced bool) {
	return reachedOf(ctx, sigmas, step, len(sigmas)-1, x, sigmas[step])
}

// reachedOf is reached for a sampler whose steps are not those between its levels.
func reachedOf(ctx context.Context, sigmas []float64, step, total int, x []float32, sigma float64) (replaced bool) {
	if f, ok := ctx.Value(followerKey{}).(*follower); ok {
		return f.reached(sigmas, step, total, x, sigma)
	}
	return false
}

// reached takes what a sampler tells, or one that another sampler runs on all levels or
// on some of them. The last step is the run's to yield.
func (f *follower) reached(sigmas []float64, step, total int, x []float32, sigma float64) (replaced bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := f.place(sigmas)
	if f.ended || first < 0 || len(x) != f.size {
		return false
	}
	f.told = true
	if len(sigmas) == len(f.sigmas) {
		f.total = total
	}
	return f.advance(first+step, x, sigma)
}

// advance yields a step that was not yielded before, and returns whether x was replaced.
func (f *follower) advance(step int, x []float32, sigma float64) (replaced bool) {
	if step > f.step && step < f.total {
		f.step = step
		return f.yield(step, x, sigma)
	}
	return false
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
