package engine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
)

// A turn waits for those before it, and what a claim that has just begun holds is not
// given to turns.
func TestTurns(t *testing.T) {
	e := limited(t, 100)
	begin := func(need engine.Need) *engine.Claim {
		c, err := e.Claim(t.Context(), need)
		require.NoError(t, err)
		return c
	}
	a, b := begin(engine.Need{Turn: 60}), begin(engine.Need{Turn: 60})
	turn, err := a.Turn(t.Context(), nil, 60)
	require.NoError(t, err)
	assert.EqualValues(t, 60, e.Memory.InUse())
	ctx, cancel := context.WithCancel(t.Context())
	waits := make(chan error, 1)
	go func() { _, err := b.Turn(ctx, nil, 60); waits <- err }()
	held := waiting(t.Context(), e, engine.Need{Held: 40})
	c := claimed(t, held)
	cancel()
	require.ErrorIs(t, <-waits, context.Canceled)
	turn.End()
	turn, err = b.Turn(t.Context(), nil, 60)
	require.NoError(t, err)
	turn.End()
	for _, c := range []*engine.Claim{a, b, c} {
		c.Close()
		c.Close()
		_, err = c.Turn(t.Context(), nil, 0)
		assert.ErrorIs(t, err, engine.ErrEnded)
	}
	assert.Zero(t, e.Memory.InUse())
}

// Runs with a ctx that carries a claim, or a turn, are its own: they need no other.
func TestRunsOfACall(t *testing.T) {
	plan, small := chain(t, 3, 16, 32), chain(t, 3, 8, 32)
	e := limited(t, plan.Bytes()+100)
	in, want := [][]float32{make([]float32, 16*16*32)}, [][]float32{make([]float32, 16*16*32)}
	c, err := e.Claim(t.Context(), engine.Need{Held: 100, Turn: plan.Bytes()})
	require.NoError(t, err)
	require.NoError(t, e.Run(c.With(t.Context()), plan, in, want))
	ctx, end, err := e.Begin(c.With(t.Context()), engine.Need{Turn: plan.Bytes()}, plan)
	require.NoError(t, err)
	assert.True(t, e.Claimed(ctx))
	got := [][]float32{slices.Clone(want[0])}
	for range 2 { // the second plan takes the arena of the first, and it that of the second
		require.NoError(t, e.Run(ctx, plan, in, got))
		require.Equal(t, want, got)
		require.NoError(t, e.Run(ctx, small, [][]float32{make([]float32, 8*8*32)}, nil))
	}
	assert.EqualValues(t, plan.Bytes()+100, e.Memory.Peak())
	end()
	c.Close()
	assert.ErrorIs(t, e.Run(c.With(t.Context()), plan, in, got), engine.ErrEnded)
	e.Close()
	assert.Zero(t, e.Memory.InUse())
}

// Plans that run in turn have one arena, once it is large enough for all, where together
// they would take more than what may be idle.
func TestOneArena(t *testing.T) {
	small, large := chain(t, 3, 8, 32), chain(t, 3, 16, 32)
	e, err := engine.New(&engine.Options{Threads: 2, Idle: large.Bytes()})
	require.NoError(t, err)
	defer e.Close()
	for range 2 {
		require.NoError(t, e.Run(t.Context(), small, [][]float32{make([]float32, 8*8*32)}, nil))
		require.NoError(t, e.Run(t.Context(), large, [][]float32{make([]float32, 16*16*32)}, nil))
		assert.Equal(t, large.Bytes(), e.Memory.Peak())
		assert.Equal(t, large.Bytes(), e.Memory.InUse())
	}
}

// Calls of all sizes, many of them cancelled while they wait: all others end, the limit
// is kept, and nothing is left.
func TestClaimsAtRandom(t *testing.T) {
	const limit = 1000
	e := limited(t, limit)
	before := runtime.NumGoroutine()
	var wg sync.WaitGroup
	for caller := range 16 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(caller)))
			for range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				cancelled := r.IntN(3) == 0
				if cancelled {
					time.AfterFunc(time.Duration(r.IntN(300))*time.Microsecond, cancel)
				}
				err := randomCall(ctx, e, r, limit)
				if !cancelled || !errors.Is(err, context.Canceled) {
					assert.NoError(t, err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, e.Memory.Peak(), int64(limit))
	assert.Zero(t, e.Memory.InUse())
	for end := time.Now().Add(soon); runtime.NumGoroutine() > before && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before)
}

func randomCall(ctx context.Context, e *engine.Engine, r *rand.Rand, limit int64) error {
	need := engine.Need{Held: r.Int64N(limit / 2), Short: r.IntN(2) == 0}
	need.Turn = r.Int64N(limit - need.Held + 1)
	c, err := e.Claim(ctx, need)
	if err != nil {
		return err
	}
	defer c.Close()
	for range r.IntN(4) {
		turn, err := c.Turn(ctx, nil, r.Int64N(need.Turn+1))
		if err != nil {
			return err
		}
		time.Sleep(time.Duration(r.IntN(100)) * time.Microsecond)
		turn.End()
	}
	return nil
}
