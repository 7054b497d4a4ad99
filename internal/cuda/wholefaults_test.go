//go:build gpu && cgo && linux

package cuda_test

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/internal/cuda/sim"
	"sdgo/internal/golden"
)

// everyFault is set by SDGO_FAULTS=all: then the tests of this file go through every
// call and a thousand moments, in a quarter of an hour, else through some.
var everyFault = os.Getenv("SDGO_FAULTS") == "all"

// painter makes pictures with a tiny model from its loading to its closing, and has a
// pipeline of the same model on the processor beside.
type painter struct {
	model      fs.FS
	cpu        *diffusion.Pipeline
	want       []byte // of the processor
	held       map[string]int
	goroutines int
}

func newPainter(t *testing.T) *painter {
	software(t)
	p := &painter{model: golden.Model(t, "tiny-sd15")}
	var err error
	p.cpu, err = diffusion.LoadFS(p.model, nil)
	require.NoError(t, err)
	t.Cleanup(func() { p.cpu.Close() })
	p.want, err = p.call(t.Context(), p.cpu)
	require.NoError(t, err)
	p.held, p.goroutines = held(), runtime.NumGoroutine()
	return p
}

func (p *painter) call(ctx context.Context, pipe *diffusion.Pipeline) ([]byte, error) {
	result, err := pipe.TextToImage(ctx, "a", &diffusion.Options{Width: 16, Height: 16, Steps: 2, Seed: 1})
	if err != nil {
		return nil, err
	}
	return result.Images[0].Pix, nil
}

// paint loads the model to the device, makes a picture and closes it.
func (p *painter) paint(ctx context.Context) ([]byte, error) {
	pipe, err := diffusion.LoadFSContext(ctx, p.model, &diffusion.LoadOptions{Device: diffusion.CUDA(0)})
	if err != nil {
		return nil, err
	}
	defer pipe.Close()
	return p.call(ctx, pipe)
}

// intact checks that nothing of a device is held any more, no goroutine is left, and the
// pipeline on the processor makes its picture.
func (p *painter) intact(t *testing.T, where ...any) {
	t.Helper()
	require.Equal(t, p.held, held(), where...)
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > p.goroutines && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), p.goroutines, where...)
	have, err := p.call(t.Context(), p.cpu)
	require.NoError(t, err, where...)
	require.Equal(t, p.want, have, where...)
}

// after is the next call to fail: each, or some of them.
func after(n int) int {
	if everyFault {
		return n + 1
	}
	return 5*n + 2
}

// Every allocation, copy, launch, load and wait of a picture, from the model's loading
// on, may fail: an error each, nothing is left, and the next picture is right.
func TestPictureFaults(t *testing.T) {
	p := newPainter(t)
	want, err := p.paint(t.Context())
	require.NoError(t, err)
	p.intact(t)
	for kind, least := range map[string]int{"failAlloc": 5, "failPinned": 10, "failCopy": 100, "failLaunch": 100, "failLoad": 10, "failSync": 100} {
		for n := 0; ; n = after(n) {
			sim.Set("failCode", 999)
			sim.Set(kind, n)
			have, err := p.paint(t.Context())
			sim.Set(kind, -1)
			p.intact(t, "%s %d", kind, n)
			if err == nil {
				assert.Equal(t, want, have, "%s %d", kind, n)
				assert.Greater(t, n, least, kind)
				break
			}
			require.ErrorContains(t, err, "error 999: unknown error", "%s %d", kind, n)
		}
	}
}

// The device may be lost at any call: an error that says so, nothing is left once the
// pipeline is closed, and the processor goes on.
func TestPictureLost(t *testing.T) {
	p := newPainter(t)
	want, err := p.paint(t.Context())
	require.NoError(t, err)
	for n := 0; ; n = after(n) {
		restart()
		sim.Set("failCode", 719)
		sim.Set("failCall", n)
		have, err := p.paint(t.Context())
		p.intact(t, "call %d", n)
		if err == nil { // lost while it was closed, or not at all
			assert.Equal(t, want, have, "call %d", n)
			assert.Greater(t, n, 1000)
			return
		}
		require.ErrorIs(t, err, diffusion.ErrDeviceLost, "call %d", n)
		_, err = p.paint(t.Context())
		require.ErrorIs(t, err, diffusion.ErrDeviceLost, "after call %d", n)
	}
}

// A picture may be cancelled at any moment, from the model's loading on: an error that
// says so, or the picture, and nothing is left.
func TestPictureCancelled(t *testing.T) {
	p := newPainter(t)
	want, err := p.paint(t.Context())
	require.NoError(t, err)
	start := time.Now()
	_, err = p.paint(t.Context())
	require.NoError(t, err)
	took, moments, cancelled := time.Since(start), 16, 0
	if everyFault {
		moments = cancels
	}
	rng := rand.New(rand.NewPCG(2, 1))
	for i := range moments {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.Int64N(int64(took))))
		have, err := p.paint(ctx)
		cancel()
		if err == nil {
			assert.Equal(t, want, have)
		} else {
			cancelled++
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		p.intact(t, "moment %d", i)
	}
	assert.Greater(t, cancelled, moments/4)
}
