package diffusion

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
	"sdgo/internal/nn"
)

// A part that is used in a function of a call's, and a call in one, have their memory
// beside it, though others wait.
func TestCallWithinACall(t *testing.T) {
	large := small(192, 1)
	p := tight(t, large, 0)
	var others sync.WaitGroup
	defer others.Wait()
	o := small(64, 2)
	o.OnStep = func(s Step) error {
		for range 2 { // these wait for the call
			others.Go(func() {
				_, err := p.TextToImage(t.Context(), prompt, large)
				assert.NoError(t, err)
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		_, err := p.VAE.Decode(ctx, s.Latents)
		return err
	}
	_, err := p.TextToImage(t.Context(), prompt, o)
	require.NoError(t, err)
}

// keeping are options of a call that holds the features of its last step.
func keeping(side int) *Options {
	o := small(side, 2)
	o.Reuse.Interval = 2
	return o
}

// tighter calls f with pipelines of ever more memory, from that for a picture of 192×192
// pixels on, until it says that it was too little for all that it did, but not for some.
func tighter(t *testing.T, f func(t *testing.T, ctx context.Context, p *Pipeline) (some bool)) {
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	for extra := int64(0); extra < 1<<20; extra += 1 << 16 {
		if f(t, ctx, tight(t, small(192, 1), extra)) {
			return
		}
		require.NoError(t, ctx.Err(), "they wait for each other")
	}
	assert.Fail(t, "no limit is between")
}

// A whole call in a function of another has its memory, or an error that says that the
// two do not fit: it does not wait for the one that it is made in.
func TestWholeCallWithinACall(t *testing.T) {
	tighter(t, func(t *testing.T, ctx context.Context, p *Pipeline) bool {
		var inner error
		var others sync.WaitGroup
		o := keeping(192)
		o.OnStep = func(Step) error {
			others.Go(func() { p.TextToImage(ctx, prompt, keeping(192)) }) // waits for this one
			_, err := p.TextToImage(ctx, prompt, small(64, 1))
			assert.NoError(t, err)
			_, inner = p.TextToImage(ctx, prompt, keeping(192))
			return nil
		}
		_, err := p.TextToImage(ctx, prompt, o)
		others.Wait()
		var limit *engine.MemoryError
		return err == nil && errors.As(inner, &limit)
	})
}

// Two calls that each need more for a moment than both leave do not wait for each other
// for good: one is refused, and the other goes on.
func TestCallsWithinTwoCalls(t *testing.T) {
	tighter(t, func(t *testing.T, ctx context.Context, p *Pipeline) bool {
		var begun, calls sync.WaitGroup
		begun.Add(2)
		var errs [2]error
		for i := range errs {
			o := keeping(128)
			o.Tile = 32
			o.OnStep = func(s Step) error {
				if s.Step == 1 {
					begun.Done()
					begun.Wait()
					_, errs[i] = p.VAE.Decode(ctx, nn.Tensor(1, 4, 24, 24))
				}
				return nil
			}
			calls.Go(func() {
				_, err := p.TextToImage(ctx, prompt, o)
				assert.NoError(t, err)
			})
		}
		calls.Wait()
		var limit *engine.MemoryError
		return (errs[0] == nil) != (errs[1] == nil) && errors.As(errors.Join(errs[:]...), &limit)
	})
}
