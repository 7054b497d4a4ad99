package diffusion

import (
	"context"
	"errors"
	"image"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/sampler"
	"sdgo/vae"
)

// soon is ample time for what happens at once.
const soon = 30 * time.Second

// small returns options for a quick picture.
func small(side, steps int) *Options {
	return &Options{Width: side, Height: side, Steps: steps, Sampler: sampler.Euler{}, Guidance: 1, Tile: WholePicture}
}

// tight loads a model with room for a picture of o's size and extra bytes.
func tight(t *testing.T, o *Options, extra int64) *Pipeline {
	probe := load(t, "tiny-sd15", nil)
	plan, err := probe.Plan(o)
	require.NoError(t, err)
	var most int64
	for _, part := range plan.Parts {
		most = max(most, part.Values)
	}
	limit := probe.engine.Memory.InUse() + most + extra
	p, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{MaxMemory: limit, Precision: Float32})
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

// A picture that takes all the memory is made beside callers of small ones that never
// stop.
func TestLargeBesideSmall(t *testing.T) {
	large := small(256, 1)
	p := tight(t, large, 0)
	ctx, stop := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	defer callers.Wait()
	defer stop()
	begun := make(chan bool, 4)
	for range cap(begun) {
		callers.Go(func() {
			o := small(64, 1)
			o.OnStep = func(Step) error {
				select {
				case begun <- true:
				default:
				}
				return nil
			}
			for ctx.Err() == nil {
				_, err := p.TextToImage(ctx, prompt, o)
				if ctx.Err() == nil {
					assert.NoError(t, err)
				}
			}
		})
	}
	for range cap(begun) {
		<-begun
	}
	c, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	_, err := p.TextToImage(c, prompt, large)
	assert.NoError(t, err)
	assert.LessOrEqual(t, p.engine.Memory.Peak(), p.engine.Memory.InUse()+p.engine.Memory.Allowed())
}

// Calls with Reuse wait for memory, and idle machines give way to them.
func TestReuseWaits(t *testing.T) {
	plain := small(192, 1)
	p := tight(t, plain, 4096)
	reuse := small(64, 2)
	reuse.Reuse.Interval = 2
	for range 2 {
		_, err := p.TextToImage(t.Context(), prompt, plain)
		require.NoError(t, err)
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() {
				_, err := p.TextToImage(t.Context(), prompt, reuse)
				assert.NoError(t, err)
			})
		}
		calls.Wait()
	}
}

// Close waits for calls in flight, which it leaves alone; later ones get ErrClosed.
func TestClose(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := small(64, 20)
	o.Reuse.Interval = 2
	started := make(chan bool, 1)
	o.OnStep = func(s Step) error {
		if s.Step == 1 {
			started <- true
		}
		return nil
	}
	results := make(chan error, 4)
	for range cap(results) {
		go func() { _, err := p.TextToImage(t.Context(), prompt, o); results <- err }()
		<-started
	}
	var closers sync.WaitGroup
	for range 3 {
		closers.Go(func() { assert.NoError(t, p.Close()) })
	}
	closers.Wait()
	assert.Zero(t, p.engine.Memory.InUse())
	for range cap(results) {
		assert.NoError(t, <-results)
	}
	_, err := p.TextToImage(t.Context(), prompt, o)
	assert.ErrorIs(t, err, ErrClosed)
	assert.ErrorContains(t, err, "diffusion: the model is closed")
	_, err = p.ImageToImage(t.Context(), prompt, image.NewGray(image.Rect(0, 0, 64, 64)), nil)
	assert.ErrorIs(t, err, ErrClosed)
	_, err = p.UNet.Plan(1, 8, 8, 77)
	assert.ErrorIs(t, err, ErrClosed)
	_, err = p.TextEncoder.Plan(1, 77)
	assert.ErrorIs(t, err, ErrClosed)
	_, err = p.VAE.Plan(vae.Work{Height: 64, Width: 64})
	assert.ErrorIs(t, err, ErrClosed)
}

// While Close waits for one call another can be cancelled.
func TestCancelBesideClose(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	hold, held := make(chan bool), make(chan bool)
	slow := small(64, 1)
	slow.OnStep = func(Step) error { close(held); <-hold; return nil }
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := p.TextToImage(t.Context(), prompt, slow); first <- err }()
	<-held
	ctx, cancel := context.WithCancel(t.Context())
	closed := make(chan error, 1)
	o := small(64, 4)
	o.OnStep = func(s Step) error {
		if s.Step == 2 {
			go func() { closed <- p.Close() }()
			for { // until the closing has begun
				leave, err := p.calls.Enter("")
				if err != nil {
					break
				}
				leave()
				time.Sleep(time.Millisecond)
			}
			cancel()
		}
		return nil
	}
	go func() { _, err := p.TextToImage(ctx, prompt, o); second <- err }()
	select {
	case err := <-second:
		assert.ErrorIs(t, err, context.Canceled)
	case <-time.After(soon):
		assert.Fail(t, "the cancelled call waits")
	}
	assert.Empty(t, closed)
	close(hold)
	assert.NoError(t, <-first)
	assert.NoError(t, <-closed)
}

// Close in a function of the caller's does not wait for the call that runs it.
func TestCloseWithinACall(t *testing.T) {
	for _, where := range []string{"OnStep", "Wrap", "NewNoise"} {
		p := load(t, "tiny-sd15", nil)
		o := small(64, 2)
		switch where {
		case "OnStep":
			o.OnStep = func(Step) error { return p.Close() }
		case "Wrap":
			o.Wrap = func(d sampler.Denoiser) sampler.Denoiser { assert.NoError(t, p.Close()); return d }
		default:
			o.NewNoise = func(seed uint64) sampler.Noise { assert.NoError(t, p.Close()); return sampler.NewTorch(seed).Normal }
		}
		_, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err, where)
		assert.Zero(t, p.engine.Memory.InUse(), where)
		_, err = p.TextToImage(t.Context(), prompt, o)
		assert.ErrorIs(t, err, ErrClosed, where)
	}
}

// A caller of OnStep that saves nothing is not refused for what a saving one would
// need; Save says that it has no room.
func TestRecordRoom(t *testing.T) {
	o := small(64, 900)
	o.Images = 256
	enough := errors.New("enough")
	for _, limited := range []bool{false, true} {
		options := &LoadOptions{}
		if limited {
			options.MaxMemory = 96 << 20
		}
		p := loadWith(t, "tiny-sd15", options)
		o.Wrap = func(sampler.Denoiser) sampler.Denoiser {
			return func(_ context.Context, x []float32, _ float64) (sampler.Estimate, error) {
				return sampler.Estimate{Denoised: x}, nil
			}
		}
		var saved error
		o.OnStep = func(s Step) error { _, saved = s.Save(); return enough }
		_, err := p.TextToImage(t.Context(), prompt, o)
		require.ErrorIs(t, err, enough)
		if limited {
			assert.ErrorContains(t, saved, "diffusion: save: LoadOptions.MaxMemory has no room")
		} else {
			assert.NoError(t, saved)
		}
	}
}

// All that a call needs counts, whatever it is most of.
func TestWhatCounts(t *testing.T) {
	p := loadWith(t, "tiny-sd15", &LoadOptions{MaxMemory: 40 << 20})
	var limit *engine.MemoryError
	o := small(256, 1)
	o.Images = 512
	_, err := p.TextToImage(t.Context(), prompt, o)
	require.ErrorAs(t, err, &limit)
	assert.Equal(t, "512 pictures of 256×256 pixels", limit.What)

	o = small(1792, 1) // by tiles: the picture itself
	o.Tile = 64
	_, err = p.TextToImage(t.Context(), prompt, o)
	require.ErrorAs(t, err, &limit)
	assert.Contains(t, limit.What, "by tiles of 64×64")

	p.engine.Memory.ResetPeak()
	before := p.engine.Memory.Peak()
	o = small(512, 1)
	o.Tile = 64
	o.Wrap = func(sampler.Denoiser) sampler.Denoiser {
		return func(_ context.Context, x []float32, _ float64) (sampler.Estimate, error) {
			return sampler.Estimate{Denoised: make([]float32, len(x))}, nil
		}
	}
	_, err = p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
	assert.Greater(t, p.engine.Memory.Peak()-before, int64(3*4*512*512))
}

// Memory is asked for before anything is allocated.
func TestMemoryLimit(t *testing.T) {
	p, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{MaxMemory: 16 << 20})
	require.NoError(t, err)
	defer p.Close()
	_, err = p.TextToImage(t.Context(), prompt, quick(1))
	require.NoError(t, err)
	_, err = p.TextToImage(t.Context(), prompt, &Options{Width: 1024, Height: 1024})
	var memory *engine.MemoryError
	require.ErrorAs(t, err, &memory)
	_, err = LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{MaxMemory: 1000})
	assert.ErrorContains(t, err, "more than the limit of 1000 bytes")
}
