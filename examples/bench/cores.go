package main

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sdgo/internal/kernel"
)

// rate returns the GFLOP/s of the matrix kernel on operands that stay in cache, with all
// threads at once for a time.
func rate(format kernel.Format, threads int, during time.Duration) float64 {
	rates := make([]float64, threads)
	var wg sync.WaitGroup
	for t := range rates {
		wg.Go(func() { rates[t] = kernel.MeasureRate(format, during) })
	}
	wg.Wait()
	total := 0.0
	for _, r := range rates {
		total += r
	}
	return total / 1e9
}

// peak is the best of some short measurements, for on a machine with other work the mean
// says little.
func peak(threads int) (best float64) {
	for range 10 {
		best = max(best, rate(kernel.Float32, threads, 20*time.Millisecond))
	}
	return best
}

// sustained is the rate of all processors over more than a second, in which they get
// warm.
func sustained(format kernel.Format) float64 { return sustainedRates[format]() }

var sustainedRates = func() (rates [kernel.Int8 + 1]func() float64) {
	for f := range rates {
		rates[f] = sync.OnceValue(func() float64 {
			return rate(kernel.Format(f), runtime.GOMAXPROCS(0), 1200*time.Millisecond)
		})
	}
	return rates
}()

// replyRounds is how often a round of questions is asked, and replies how many are in one.
const replyRounds, replies = 21, 2000

// reply returns how long it takes until one thread sees what another wrote in answer to
// what it wrote itself: the median of some rounds, in seconds. In virtual machines it
// changes, by a factor of four and within seconds, as the threads move to cores that are
// nearer or farther; times that were measured with other values are not to be compared.
// With one processor it is 0.
func reply() float64 {
	if runtime.GOMAXPROCS(0) < 2 {
		return 0
	}
	var ball atomic.Uint64
	var wg sync.WaitGroup
	wg.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for i := uint64(0); i < replyRounds*replies; i++ {
			for ball.Load() != 2*i+1 { // spins, as threads of a product do
			}
			ball.Store(2*i + 2)
		}
	})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	times := make([]float64, replyRounds)
	var i uint64
	for k := range times {
		begin := time.Now()
		for range replies {
			ball.Store(2*i + 1)
			for i++; ball.Load() != 2*i; {
			}
		}
		times[k] = time.Since(begin).Seconds() / replies
	}
	wg.Wait()
	slices.Sort(times)
	return times[len(times)/2]
}
