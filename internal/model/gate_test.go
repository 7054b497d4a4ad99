package model

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
)

// Closing waits for the calls in flight, lets no other in, and releases once.
func TestGate(t *testing.T) {
	var g Gate
	var released atomic.Int32
	failed := errors.New("failed")
	release := func() error { released.Add(1); return failed }
	leave, err := g.Enter("")
	require.NoError(t, err)
	var closers sync.WaitGroup
	for range 8 {
		closers.Go(func() { assert.ErrorIs(t, g.Close("", release), failed) })
	}
	require.Eventually(t, func() bool {
		late, err := g.Enter("")
		if err == nil {
			late()
		}
		return errors.Is(err, ErrClosed)
	}, 10*time.Second, time.Millisecond)
	assert.Zero(t, released.Load())
	leave()
	closers.Wait()
	assert.ErrorIs(t, g.Close("", release), failed)
	assert.EqualValues(t, 1, released.Load())

	var always *Gate
	leave, err = always.Enter("x")
	require.NoError(t, err)
	leave()
	assert.ErrorIs(t, always.Close("x", release), failed)
}

// Within a call closing does not wait for it: the last call to leave releases.
func TestGateWithinACall(t *testing.T) {
	var g Gate
	released := false
	me := engine.Goroutine()
	first, err := g.Enter(me)
	require.NoError(t, err)
	second, err := g.Enter("another")
	require.NoError(t, err)
	require.NoError(t, g.Close(me, func() error { released = true; return nil }))
	first()
	assert.False(t, released)
	second()
	assert.True(t, released)
	assert.NoError(t, g.Close(me, nil))
}
