package sampler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
)

// What Exclusive refuses.
var (
	errEnded = errors.New("sampler: denoiser: the run has ended, and its Denoiser with it")
	errBusy  = errors.New("sampler: denoiser: called while another call runs, want one call after the other")
)

// Exclusive wraps the Denoiser of a run over n numbers, which is about to leave the
// hands of who made it, so that what would disturb the run is an error: calls from
// several goroutines at once, or from within a call; an x that has not n numbers; a
// level that is negative or not finite; a nil ctx; and any call after end.
//
// End cancels the call that is in flight and returns when that has returned. It may
// be called again, but not from within a call.
func Exclusive(denoise Denoiser, n int) (exclusive Denoiser, end func()) {
	var busy sync.Mutex
	life, stop := context.WithCancel(context.Background())
	end = func() {
		stop()
		busy.Lock()
		defer busy.Unlock() // so that the call in flight has returned
	}
	exclusive = func(ctx context.Context, x []float32, sigma float64) (Estimate, error) {
		if life.Err() != nil {
			return Estimate{}, errEnded
		}
		if err := checkCall(ctx, denoise, x, sigma, n); err != nil {
			return Estimate{}, err
		}
		if !busy.TryLock() {
			return Estimate{}, errBusy
		}
		defer busy.Unlock()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(life, cancel)()
		est, err := denoise(ctx, x, sigma)
		if life.Err() != nil { // a caller that is left behind
			return Estimate{}, errEnded
		}
		return est, err
	}
	return exclusive, end
}

// checkCall wants the arguments of a Denoiser to make sense.
func checkCall(ctx context.Context, denoise Denoiser, x []float32, sigma float64, n int) error {
	switch {
	case denoise == nil:
		return errors.New("sampler: have no Denoiser")
	case ctx == nil:
		return errors.New("sampler: denoiser: have a nil context")
	case len(x) != n:
		return fmt.Errorf("sampler: denoiser: have x of %d numbers, want the run's %d", len(x), n)
	case !(sigma >= 0) || math.IsInf(sigma, 1):
		return fmt.Errorf("sampler: denoiser: have sigma %v, want a finite number of 0 or more", sigma)
	}
	return nil
}

// runNoise is the Noise of a run over n numbers as its sampler gets it. A Noise
// cannot return an error: the first is kept for whoever runs the sampler.
type runNoise struct {
	n     int
	noise Noise

	mu    sync.Mutex
	ended bool
	err   error
}

// draw is a Noise. Once the run has ended it leaves dst as it is.
func (r *runNoise) draw(dst []float32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.ended:
	case len(dst) != r.n:
		r.err = cmp.Or(r.err, fmt.Errorf("sampler: noise: asked for %d numbers, want the run's %d", len(dst), r.n))
	default:
		r.noise(dst)
	}
}

// failed returns the first error.
func (r *runNoise) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *runNoise) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}
