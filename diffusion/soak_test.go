package diffusion

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

	"sdgo/examples/tinyscenes"
	"sdgo/sampler"
)

// Callers side by side make pictures without end: of all sizes, by all samplers,
// whole and by tiles, some cancelled on the way, some wrong from the start.
// Nothing that the process holds may grow. SDGO_SOAK is how long it goes on, such
// as 3h: without it a moment, in which what every call leaves behind would show.
func TestSoak(t *testing.T) {
	length, _ := soakTime(t, 4*time.Second)
	const rounds, warm, callers = 16, 6, 3
	// The profile of allocations, which a program has only if it asks for it, keeps
	// every stack and size for good.
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	runtime.MemProfileRate = 0
	p, err := LoadFS(tinyscenes.FS, nil)
	require.NoError(t, err)
	defer p.Close()
	weights := p.engine.Memory.InUse()

	var outcomes [4]atomic.Int64
	var states []state
	for round := range rounds {
		end := time.Now().Add(length / rounds)
		var wg sync.WaitGroup
		for caller := range callers {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(round), uint64(caller)))
				for time.Now().Before(end) {
					outcomes[soakCall(t, p, r)].Add(1)
				}
			})
		}
		wg.Wait()
		assert.LessOrEqual(t, p.engine.Memory.InUse()-weights, int64(256<<20), "idle machines")
		p.engine.Close() // what is idle differs from round to round
		assert.Equal(t, weights, p.engine.Memory.InUse(), "the machines' memory")
		s := measure()
		states = append(states, s)
		t.Logf("round %2d: %v", round, s)
	}
	t.Logf("%d pictures made, %d cancelled, %d stopped by the caller, %d refused", outcomes[made].Load(), outcomes[cancelled].Load(), outcomes[stopped].Load(), outcomes[refused].Load())
	for i := range outcomes {
		assert.Positive(t, outcomes[i].Load(), "outcome %d", i)
	}

	// The limits are the noise of the garbage collector and of the caches of plans.
	before, after := largest(states[warm/2:warm]), largest(states[rounds-warm/2:])
	assert.LessOrEqual(t, after.heap, before.heap+before.heap/5+4<<20, "Go heap")
	assert.LessOrEqual(t, after.resident, before.resident+before.resident/10+16<<20, "resident memory")
	assert.LessOrEqual(t, after.goroutines, before.goroutines, "goroutines")
	assert.LessOrEqual(t, after.files, before.files, "open files")
}

// How a call ends.
const (
	made = iota
	cancelled
	stopped
	refused
)

var errStop = errors.New("stop")

// soakCall makes one call of any kind and says how it ended.
func soakCall(t *testing.T, p *Pipeline, r *rand.Rand) int {
	names := sampler.Names()
	solver, err := sampler.ByName(names[r.IntN(len(names))].Name)
	if !assert.NoError(t, err) {
		return refused
	}
	o := &Options{
		Width: 8 * (1 + r.IntN(12)), Height: 8 * (1 + r.IntN(12)), Steps: 4 + r.IntN(3), Images: 1 + r.IntN(2),
		Seed: r.Uint64(), Sampler: solver, Guidance: 1 + r.Float64(), Tile: 32 * r.IntN(3),
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	want := made
	switch r.IntN(8) {
	case 0:
		want = cancelled
		o.OnStep = func(Step) error { cancel(); return nil }
	case 1:
		want = cancelled
		var late context.CancelFunc
		ctx, late = context.WithTimeout(ctx, time.Duration(r.IntN(20))*time.Millisecond)
		defer late()
	case 2:
		want = stopped
		o.OnStep = func(s Step) error {
			if _, err := s.Save(); err != nil {
				return err
			}
			return errStop
		}
	case 3:
		want = refused
		o.Width++
	}

	img := image.NewNRGBA(image.Rect(0, 0, 8+r.IntN(90), 8+r.IntN(90)))
	switch r.IntN(4) {
	case 0:
		_, err = p.ImageToImage(ctx, "a red house", img, o)
	case 1:
		o.Mask = MaskAlpha // all of it
		_, err = p.Inpaint(ctx, "a red house", img, image.NewNRGBA(img.Bounds()), o)
	default:
		_, err = p.TextToImage(ctx, "a blue boat on the sea", o)
	}
	switch {
	case err == nil: // a cancelled call may end before it notices
		assert.NotEqual(t, refused, want)
		return made
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		assert.Equal(t, cancelled, want)
		return cancelled
	case errors.Is(err, errStop):
		assert.Equal(t, stopped, want)
		return stopped
	}
	assert.NotContains(t, err.Error(), "internal error")
	return refused // some samplers refuse some options, too
}

// state is what the process holds.
type state struct {
	heap, resident    int64 // bytes
	goroutines, files int
}

func (s state) String() string {
	return fmt.Sprintf("heap %.1f MB, resident %.1f MB, %d goroutines, %d files", float64(s.heap)/1e6, float64(s.resident)/1e6, s.goroutines, s.files)
}

func measure() state {
	for i := 0; i < 100 && runtime.NumGoroutine() > 3; i++ { // some may be just ending
		time.Sleep(time.Millisecond)
	}
	runtime.GC() // a cleanup that this one starts frees what the next one finds
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s := state{heap: int64(m.HeapAlloc), goroutines: runtime.NumGoroutine()}
	s.resident = resident()
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		s.files = len(files)
	}
	return s
}

// resident is the memory of the process that is in use, in bytes, 0 if it cannot be
// told here.
func resident() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident int64
	fmt.Fscan(bytes.NewReader(data), &size, &resident)
	return resident * int64(os.Getpagesize())
}

// largest is the largest of each.
func largest(states []state) state {
	var m state
	for _, s := range states {
		m = state{max(m.heap, s.heap), max(m.resident, s.resident), max(m.goroutines, s.goroutines), max(m.files, s.files)}
	}
	return m
}
