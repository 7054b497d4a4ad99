package diffusion

import (
	"context"
	"errors"
	"image"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/sampler"
)

// soakTime is how long a soak test goes on, and whether it was asked for: only then do
// its times count, as the machine should be quiet.
func soakTime(t *testing.T, short time.Duration) (length time.Duration, asked bool) {
	if s := os.Getenv("SDGO_SOAK"); s != "" {
		length, err := time.ParseDuration(s)
		require.NoError(t, err, "SDGO_SOAK")
		return length, true
	}
	if testing.Short() {
		t.Skip("takes", short)
	}
	return short, false
}

// soakOptions are those of a small call of any kind.
func soakOptions(r *rand.Rand) *Options {
	o := &Options{
		Width: 8 * (1 + r.IntN(16)), Height: 8 * (1 + r.IntN(16)), Steps: 2 + r.IntN(4), Images: 1 + r.IntN(2),
		Seed: r.Uint64(), Sampler: sampler.Euler{}, Guidance: 1 + 6*float64(r.IntN(2)), Tile: 32 * r.IntN(3),
	}
	o.Reuse.Interval = r.IntN(3)
	if r.IntN(4) == 0 {
		o.OnStep = func(s Step) error { _, err := s.Save(); return err }
	}
	return o
}

// soakTask makes a call of any task.
func soakTask(ctx context.Context, p *Pipeline, r *rand.Rand, o *Options) (err error) {
	img := image.NewNRGBA(image.Rect(0, 0, 8+r.IntN(90), 8+r.IntN(90)))
	switch r.IntN(3) {
	case 0:
		_, err = p.ImageToImage(ctx, prompt, img, o)
	case 1:
		mask := image.NewGray(img.Rect)
		for i := range mask.Pix {
			mask.Pix[i] = 255
		}
		_, err = p.Inpaint(ctx, prompt, img, mask, o)
	default:
		_, err = p.TextToImage(ctx, prompt, o)
	}
	return err
}

// watchResident samples the process's resident memory until stop is called, which
// returns the most that was seen.
func watchResident() (stop func() int64) {
	done, most := make(chan bool), make(chan int64)
	go func() {
		var peak int64
		for {
			peak = max(peak, resident())
			select {
			case <-done:
				most <- peak
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return func() int64 { close(done); return <-most }
}

// keepNoStacks has the test keep no record of the stacks that allocate: 4 MB of them in
// 1,400 calls and more with each. A program that does not ask for its profile has none.
func keepNoStacks(t *testing.T) {
	rate := runtime.MemProfileRate
	t.Cleanup(func() { runtime.MemProfileRate = rate })
	runtime.MemProfileRate = 0
}

// 64 callers with calls of all sizes and tasks have room for the largest alone: every
// call is made, the largest before every other caller has made two and in no more than
// twice its share of the time, and the process stays within the limit and what
// LoadOptions.MaxMemory says comes on top.
func TestSoakMemory(t *testing.T) {
	keepNoStacks(t)
	length, asked := soakTime(t, time.Second)
	const callers = 64
	large := small(256, 2)
	p := tight(t, large, 1<<20)
	begin := time.Now()
	_, err := p.TextToImage(t.Context(), prompt, large)
	require.NoError(t, err)
	alone := time.Since(begin)
	begin = time.Now()
	const sample = 32
	for caller := range sample {
		r := rand.New(rand.NewPCG(7, uint64(1+caller)))
		require.NoError(t, soakTask(t.Context(), p, r, soakOptions(r)))
	}
	smallAlone := time.Since(begin) / sample

	debug.FreeOSMemory()
	before := resident()
	stop := watchResident()
	p.engine.Memory.ResetPeak()
	end := time.Now().Add(length)
	var made, largeMade, smallTime atomic.Int64
	var passed int64          // calls that ended during a large one, at most
	var slowest time.Duration // of the large
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(caller)))
			for time.Now().Before(end) {
				begin, others := time.Now(), made.Load()
				if caller > 0 {
					assert.NoError(t, soakTask(t.Context(), p, r, soakOptions(r)))
					smallTime.Add(int64(time.Since(begin)))
					made.Add(1)
					continue
				}
				_, err := p.TextToImage(t.Context(), prompt, large)
				assert.NoError(t, err)
				passed, slowest = max(passed, made.Load()-others), max(slowest, time.Since(begin))
				largeMade.Add(1)
			}
		})
	}
	all.Wait()
	// Work that takes as long alone takes as long beside others, whoever's it is.
	share := time.Duration(float64(smallTime.Load()) / float64(made.Load()) * float64(alone) / float64(smallAlone))
	peak, limit := stop(), p.engine.Memory.InUse()+p.engine.Memory.Allowed()
	t.Logf("%d calls, and %d large ones, %v alone, at most %v and %d calls beside the others, where its share is %v", made.Load(), largeMade.Load(), alone, slowest, passed, share)
	t.Logf("limit %.1f MB, counted %.1f MB, resident %.1f MB before and %.1f MB at most", float64(limit)/1e6, float64(p.engine.Memory.Peak())/1e6, float64(before)/1e6, float64(peak)/1e6)
	assert.Positive(t, largeMade.Load())
	assert.LessOrEqual(t, p.engine.Memory.Peak(), limit)
	assert.LessOrEqual(t, peak-before, limit+engine.Overhead)
	assert.LessOrEqual(t, passed, int64(2*(callers-1)), "what was there before it, and once more in its turns")
	if asked {
		assert.LessOrEqual(t, slowest, 2*share)
		assert.LessOrEqual(t, peak, limit+engine.Overhead, "all that the process takes")
	}
}

// latest measures how late a goroutine wakes on this machine: the canary of tests that
// promise a time.
type latest struct{ worst atomic.Int64 }

func (l *latest) watch(ctx context.Context) {
	for ctx.Err() == nil {
		begin := time.Now()
		time.Sleep(time.Millisecond)
		late := int64(time.Since(begin) - time.Millisecond)
		for w := l.worst.Load(); late > w && !l.worst.CompareAndSwap(w, late); w = l.worst.Load() {
		}
	}
}

// Calls that are cancelled at any time return within 100 ms, beside the machine's own
// lateness, and leave neither goroutines nor memory.
func TestSoakCancel(t *testing.T) {
	_, asked := soakTime(t, 2*time.Second)
	cancels := 60
	if asked {
		cancels = 10_000
	}
	p := tight(t, small(256, 2), 1<<20)
	p.engine.Close()
	weights := p.engine.Memory.InUse()
	ctx, stop := context.WithCancel(t.Context())
	var canary latest
	var watch sync.WaitGroup
	watch.Go(func() { canary.watch(ctx) })
	goroutines := runtime.NumGoroutine()
	r := rand.New(rand.NewPCG(3, 4))
	var worst time.Duration
	count := 0
	for range cancels {
		o := soakOptions(r)
		o.Steps += 20
		canary.worst.Store(0)
		late, err := cancelledCall(p, r, o)
		if err == nil { // it was faster
			continue
		}
		require.ErrorIs(t, err, context.Canceled)
		count++
		late -= time.Duration(canary.worst.Load())
		worst = max(worst, late)
		if asked {
			assert.LessOrEqual(t, late, 100*time.Millisecond, "%+v", o)
		}
	}
	t.Logf("%d of %d calls cancelled, the latest by %v", count, cancels, worst)
	assert.Positive(t, count)
	for range 1000 { // one may be just ending
		if runtime.NumGoroutine() <= goroutines {
			break
		}
		time.Sleep(time.Millisecond)
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
	p.engine.Close()
	assert.Equal(t, weights, p.engine.Memory.InUse())
	stop()
	watch.Wait()
}

// cancelledCall makes a call that is cancelled soon, and says how much later it returns.
func cancelledCall(p *Pipeline, r *rand.Rand, o *Options) (late time.Duration, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var at atomic.Pointer[time.Time]
	timer := time.AfterFunc(time.Duration(r.IntN(40_000))*time.Microsecond, func() {
		now := time.Now()
		at.Store(&now)
		cancel()
	})
	defer timer.Stop()
	err = soakTask(ctx, p, r, o)
	if begin := at.Load(); begin != nil && errors.Is(err, context.Canceled) {
		late = time.Since(*begin)
	}
	return late, err
}
