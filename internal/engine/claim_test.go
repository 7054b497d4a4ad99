package engine_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
)

// soon is ample time for what happens at once.
const soon = 10 * time.Second

func limited(t *testing.T, limit int64) *engine.Engine {
	e, err := engine.New(&engine.Options{Threads: 2, MaxMemory: limit})
	require.NoError(t, err)
	return e
}

// waiting claims in the background and returns where the claim will come.
func waiting(ctx context.Context, e *engine.Engine, need engine.Need) <-chan *engine.Claim {
	out := make(chan *engine.Claim, 1)
	begun := make(chan bool)
	go func() {
		close(begun)
		if c, err := e.Claim(ctx, need); err == nil {
			out <- c
		}
		close(out)
	}()
	<-begun
	return out
}

// claimed wants a claim to come.
func claimed(t *testing.T, ch <-chan *engine.Claim) *engine.Claim {
	t.Helper()
	select {
	case c := <-ch:
		require.NotNil(t, c, "the claim failed")
		return c
	case <-time.After(soon):
		require.Fail(t, "the claim has not come")
		return nil
	}
}

// blocked wants that it has not come, in a time in which it would.
func blocked(t *testing.T, ch <-chan *engine.Claim) {
	t.Helper()
	for range 20 {
		runtime.Gosched()
		time.Sleep(time.Millisecond)
		require.Empty(t, ch)
	}
}

// The first in the queue is not passed by one that would fit, but when it gives up.
func TestClaimsInOrder(t *testing.T) {
	e := limited(t, 100)
	first, err := e.Claim(t.Context(), engine.Need{Held: 40})
	require.NoError(t, err)
	ctx, giveUp := context.WithCancel(t.Context())
	large := waiting(ctx, e, engine.Need{Held: 10, Turn: 80})
	blocked(t, large)
	small := waiting(t.Context(), e, engine.Need{Held: 10})
	blocked(t, small)
	other := waiting(t.Context(), e, engine.Need{Held: 10})
	giveUp()
	assert.Nil(t, <-large)
	claimed(t, small).Close()
	claimed(t, other).Close()

	large = waiting(t.Context(), e, engine.Need{Held: 10, Turn: 80})
	blocked(t, large)
	small = waiting(t.Context(), e, engine.Need{Held: 11})
	blocked(t, small)
	first.Close()
	c := claimed(t, large)
	blocked(t, small)
	c.Close()
	claimed(t, small).Close()
	assert.Zero(t, e.Memory.InUse())
}

// A short call, such as a decoding that another call's function makes, passes the queue
// if it fits beside those that have begun: they may wait for it. It does not keep the
// first in the queue waiting.
func TestShortClaims(t *testing.T) {
	e := limited(t, 100)
	outer, err := e.Claim(t.Context(), engine.Need{Held: 40, Turn: 20})
	require.NoError(t, err)
	large := waiting(t.Context(), e, engine.Need{Held: 20, Turn: 60})
	blocked(t, large)
	short := engine.Need{Turn: 60, Short: true}
	inner := claimed(t, waiting(t.Context(), e, short))
	outer.Close()
	c := claimed(t, large)
	inner.Close()
	c.Close()

	// Here the first waits for the short one alone, and others do not pass it.
	inner, err = e.Claim(t.Context(), engine.Need{Held: 30, Turn: 30, Short: true})
	require.NoError(t, err)
	large = waiting(t.Context(), e, engine.Need{Held: 20, Turn: 60})
	blocked(t, large)
	next := waiting(t.Context(), e, engine.Need{Held: 30, Turn: 30, Short: true})
	blocked(t, next)
	inner.Close()
	c = claimed(t, large)
	c.Close()
	claimed(t, next).Close()
}

// A call within another passes the queue. It waits while any that has begun can end, and
// is refused once each of them waits for one within it.
func TestClaimsWithin(t *testing.T) {
	e := limited(t, 100)
	outer := engine.Need{Held: 30, Turn: 10, Caller: engine.Goroutine()}
	c, err := e.Claim(t.Context(), outer)
	require.NoError(t, err)
	large := waiting(t.Context(), e, engine.Need{Held: 20, Turn: 60})
	blocked(t, large)
	inner, err := e.Claim(t.Context(), engine.Need{Held: 30, Turn: 10})
	require.NoError(t, err, "it passes")
	inner.Close()
	var limit *engine.MemoryError
	_, err = e.Claim(t.Context(), engine.Need{What: "much", Held: 70, Turn: 5})
	require.ErrorAs(t, err, &limit)
	assert.Equal(t, engine.MemoryError{What: "much", Need: 80, InUse: 30, Limit: 100, Calls: true}, *limit)
	c.Close()
	claimed(t, large).Close()

	// Two that wait in each other's way: the first goes on once the second is refused.
	const callers = 2
	var begun, ended sync.WaitGroup
	begun.Add(callers)
	errs := make([]error, callers)
	for i := range callers {
		ended.Go(func() {
			c, err := e.Claim(t.Context(), engine.Need{Held: 30, Turn: 10, Caller: engine.Goroutine()})
			assert.NoError(t, err)
			defer c.Close()
			begun.Done()
			begun.Wait()
			var inner *engine.Claim
			if inner, errs[i] = e.Claim(t.Context(), engine.Need{Turn: 50, Short: true}); errs[i] == nil {
				inner.Close()
			}
		})
	}
	ended.Wait()
	assert.True(t, (errs[0] == nil) != (errs[1] == nil), "%v, %v", errs[0], errs[1])
	assert.ErrorAs(t, errors.Join(errs...), &limit)
	assert.Zero(t, e.Memory.InUse())
}

func TestGoroutine(t *testing.T) {
	other := make(chan string)
	go func() { other <- engine.Goroutine() }()
	assert.NotEqual(t, engine.Goroutine(), <-other)
	assert.Equal(t, engine.Goroutine(), engine.Goroutine())
}

// What does not fit alone is an error at once, and small pieces have an allowance.
func TestClaimTooLarge(t *testing.T) {
	e := limited(t, 100)
	_, err := e.Claim(t.Context(), engine.Need{What: "much", Held: 50, Turn: 51})
	var limit *engine.MemoryError
	require.ErrorAs(t, err, &limit)
	assert.Equal(t, engine.MemoryError{What: "much", Need: 101, Limit: 100}, *limit)
	c, err := e.Claim(t.Context(), engine.Need{Small: 16 << 20, Turn: 100})
	require.NoError(t, err)
	c.Close()
	_, err = e.Claim(t.Context(), engine.Need{Small: 16<<20 + 1, Turn: 100})
	assert.ErrorAs(t, err, &limit)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = e.Claim(done, engine.Need{})
	assert.ErrorIs(t, err, context.Canceled)
}
