package sampler

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// Run is a sampling run that can be followed step by step, left, saved and taken
// up again, with the same result as one that was never left. It works for any
// [Sampler], because it records what the Denoiser returned: to go on, the
// sampler runs from the start again and is given the record until that ends,
// which takes no model calls.
//
//	run := &sampler.Run{Sampler: sampler.Heun{}, Denoise: denoise, Sigmas: sigmas, X: x}
//	for step, err := range run.Steps(ctx) {
//		…
//	}
//
// One goroutine may use a Run at a time. The Denoiser that the sampler gets is
// [Exclusive] and ends with the loop. A panic of the sampler or of the Denoiser
// passes through. The record holds len(X) float32s for each model call, and twice
// that with CFG++.
//
// The samplers of this package tell when a step is done. One of another package is
// taken to have done a step when it calls its Denoiser at the next of Sigmas with the
// very slice that it was given (with any, if its first call was not with that one).
type Run struct {
	Sampler Sampler
	Denoise Denoiser
	Sigmas  []float64
	X       []float32 // where the run starts; it is not changed

	// Noise starts the stream of noise anew. It is called once by each Steps, and
	// may be nil if the sampler adds no noise.
	Noise func() Noise

	// Forget saves the memory of the record: the run cannot be saved, and another
	// Steps calls the model from the start again.
	Forget bool

	// Limit is how many bytes the record may take; with a longer one the run forgets.
	// Zero means any number.
	Limit int64

	// Facts, if not nil, returns what else decides the run, by name: the prompt, say.
	// They are saved, and Restore refuses a run with others.
	Facts func() map[string]string

	calls []call
	size  int64 // bytes of calls and of states that were replaced
	step  int   // steps yielded so far

	replaced map[int][]float32 // states after steps, by those
	state    []float32         // of the step that the loop's body has; else nil
	changed  bool              // it was replaced
}

// call is what one model call did.
type call struct {
	est Estimate
	x   []float32 // the state, if the Denoiser changed it; else nil
}

// Step is the state of a run after a step: when all the model calls of the step are
// made, and before the next step adds noise or calls the model. Its slices are the
// run's own: valid until the loop's body ends, and not to be changed.
type Step struct {
	// Index is the number of steps done, from 1, and Steps of all: one less than there
	// are Sigmas, but for PLMS and PNDM, which make more calls than steps (see [PLMS]),
	// and a [Restart] with Times, which makes more steps. [DPMAdaptive], which chooses
	// its steps, and [DPMFast], which takes several at once, leave some numbers out.
	Index, Steps int

	Sigma    float64   // noise level of X, in the end the last of Sigmas
	X        []float32 // x₀ + Sigma·ε
	Denoised []float32 // the latest estimate of x₀; nil if the sampler called no model
	Calls    int       // model calls so far
}

// errLeft ends a sampler when the loop over its steps was left.
var errLeft = errors.New("sampler: the run was left")

// Steps runs the sampler and yields the state after each step; the last step yields
// the result. After an error, which comes with
// the zero Step, it ends. Leaving the loop stops the run; another Steps goes on
// with the step after the one that was yielded last, or yields the result again.
func (r *Run) Steps(ctx context.Context) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		if err := r.run(ctx, yield); err != nil && err != errLeft {
			yield(Step{}, err)
		}
	}
}

func (r *Run) run(ctx context.Context, yield func(Step, error) bool) error {
	if r == nil {
		return errors.New("sampler: run: have a nil run")
	}
	if IsNil(r.Sampler) || len(r.Sigmas) < 2 {
		return fmt.Errorf("sampler: run: have sampler %v and %d sigmas, want one and at least 2", r.Sampler, len(r.Sigmas))
	}
	if ctx == nil {
		return errors.New("sampler: run: have a nil context")
	}
	x := slices.Clone(r.X)
	sigmas := slices.Clone(r.Sigmas)
	w := &watch{Run: r, x: x, uncond: NeedsUncond(r.Sampler), yield: yield, noise: runNoise{n: len(x)}}
	w.steps = follower{sigmas: sigmas, size: len(x), total: len(sigmas) - 1, yield: w.report}
	err := w.sample(ctx, x)
	if w.left {
		return errLeft
	}
	if err != nil {
		return err
	}
	r.step = min(r.step, w.steps.total-1) // of a finished run, the result once more
	w.report(w.steps.total, x, r.Sigmas[len(r.Sigmas)-1])
	return nil
}

// Done returns how many steps and model calls are made: of a run that was restored those that
// it was saved with, and of one that forgets no calls.
func (r *Run) Done() (steps, calls int) {
	if r == nil {
		return 0, 0
	}
	return r.step, len(r.calls)
}

// watch is the Denoiser that one Steps gives to the sampler.
type watch struct {
	*Run
	yield    func(Step, error) bool
	x        []float32 // the state that the sampler got
	own      bool      // its first call was with that
	uncond   bool      // it needs unconditional estimates; else it gets none
	steps    follower
	done     int // calls of this Steps
	denoised []float32
	left     bool
	noise    runNoise
}

// sample runs the sampler on x. What it was given ends with it, also if it panics.
func (w *watch) sample(ctx context.Context, x []float32) error {
	var draw Noise
	if w.Noise != nil {
		if w.noise.noise = w.Noise(); w.noise.noise != nil {
			draw = w.noise.draw
		}
	}
	defer w.noise.end()
	denoise, end := Exclusive(w.denoise, len(x))
	defer end()
	defer w.steps.end()
	ctx = context.WithValue(ctx, followerKey{}, &w.steps)
	if err := w.Sampler.Sample(ctx, denoise, x, w.steps.sigmas, draw); err != nil {
		return err
	}
	return w.noise.failed()
}

func (w *watch) denoise(ctx context.Context, x []float32, sigma float64) (Estimate, error) {
	if w.left { // a sampler that goes on after an error
		return Estimate{}, errLeft
	}
	if err := w.noise.failed(); err != nil {
		return Estimate{}, err
	}
	state := len(x) > 0 && &x[0] == &w.x[0]
	if w.done == 0 {
		w.own = state
	} else if w.steps.called(x, sigma, state || !w.own); w.left {
		return Estimate{}, errLeft
	}
	w.done++
	est, err := w.estimate(ctx, x, sigma)
	if err == nil {
		w.denoised = est.Denoised
	}
	return est, err
}

// estimate is that of the record, or else of the model.
func (w *watch) estimate(ctx context.Context, x []float32, sigma float64) (Estimate, error) {
	if w.done <= len(w.calls) {
		c := w.calls[w.done-1]
		if c.x != nil {
			copy(x, c.x)
		}
		return c.est, nil
	}
	if w.Denoise == nil {
		return Estimate{}, errors.New("sampler: run: have no Denoiser")
	}
	var before []float32
	if !w.Forget {
		before = slices.Clone(x)
	}
	est, err := w.Denoise(ctx, x, sigma)
	if !w.uncond {
		est.Uncond = nil
	}
	if w.Forget {
		return est, err
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return Estimate{}, err
	}
	c := call{est: Estimate{slices.Clone(est.Denoised), slices.Clone(est.Uncond)}}
	if !slices.Equal(before, x) {
		c.x = slices.Clone(x)
	}
	w.calls = append(w.calls, c)
	w.grow(len(c.est.Denoised) + len(c.x) + len(c.est.Uncond))
	return c.est, nil
}

// report yields a step that is done, unless it was before, and returns whether its state
// was replaced, now or then.
func (w *watch) report(step int, x []float32, sigma float64) (replaced bool) {
	if w.left {
		return false
	}
	if state := w.replaced[step]; state != nil {
		copy(x, state)
	}
	if step > w.step {
		w.step, w.state = step, x
		defer func() { w.state, w.changed = nil, false }()
		w.left = !w.yield(Step{Index: step, Steps: w.steps.total, Sigma: sigma, X: x, Denoised: w.denoised, Calls: w.done}, nil)
		replaced = w.changed
	}
	return replaced || w.replaced[step] != nil
}
