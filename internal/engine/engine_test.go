package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/engine"
	"sdgo/internal/op"
)

// chain returns a plan of n convolutions, one after the other.
func chain(t testing.TB, n, side, channels int) *engine.Plan {
	g := G.NewGraph()
	r := rand.New(rand.NewPCG(1, 1))
	x := input(g, "x", 1, side, side, channels)
	y := x
	for i := range n {
		var err error
		y, err = op.Conv2D(y, weight(g, r, fmt.Sprint("w", i), channels, channels, 3, 3), nil, 1, op.Same(1))
		require.NoError(t, err)
	}
	plan, err := engine.NewPlan([]*G.Node{x}, []*G.Node{y})
	require.NoError(t, err)
	return plan
}

// A chain needs two buffers, whatever its length.
func TestArena(t *testing.T) {
	assert.EqualValues(t, 2*4*16*16*32, chain(t, 9, 16, 32).Bytes())
}

func TestCancel(t *testing.T) {
	const size = 64 * 64 * 32
	eng, err := engine.New(nil)
	require.NoError(t, err)
	plan := chain(t, 400, 64, 32)
	in, out := [][]float32{make([]float32, size)}, [][]float32{make([]float32, size)}
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Millisecond)
	defer cancel()
	err = eng.Run(ctx, plan, in, out)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.LessOrEqual(t, runtime.NumGoroutine(), before+1, "goroutines left behind")
}

// A run allocates a few small things, whatever the size of the graph.
func TestAllocations(t *testing.T) {
	memory, err := engine.New(nil)
	require.NoError(t, err)
	for _, n := range []int{2, 30} {
		m, err := chain(t, n, 4, 32).NewMachine(&memory.Memory, 2)
		require.NoError(t, err)
		allocs := testing.AllocsPerRun(20, func() {
			if err := m.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
		})
		assert.LessOrEqual(t, allocs, 20.0, "%d operations", n)
		require.NoError(t, m.Close())
	}
}

func TestConcurrentRuns(t *testing.T) {
	eng, err := engine.New(&engine.Options{Threads: 2})
	require.NoError(t, err)
	plan := chain(t, 5, 8, 32)
	r := rand.New(rand.NewPCG(2, 2))
	in := random(r, 8*8*32)
	want := make([]float32, len(in))
	require.NoError(t, eng.Run(t.Context(), plan, [][]float32{in}, [][]float32{want}))
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			got := make([]float32, len(in))
			if assert.NoError(t, eng.Run(t.Context(), plan, [][]float32{in}, [][]float32{got})) {
				assert.Equal(t, want, got)
			}
		})
	}
	wg.Wait()
}

// Who wants a plan that is there does not wait for one that is built.
func TestPlansBesideBuilding(t *testing.T) {
	var plans engine.Plans
	build := func() (inputs, outputs []*G.Node, err error) {
		x := input(G.NewGraph(), "x", 1, 1024)
		y, err := op.Add(x, x)
		return []*G.Node{x}, []*G.Node{y}, err
	}
	want, err := plans.Get("there", build)
	require.NoError(t, err)
	_, err = plans.Get("new", func() (inputs, outputs []*G.Node, err error) {
		got, err := plans.Get("there", nil)
		assert.NoError(t, err)
		assert.Same(t, want, got)
		return build()
	})
	require.NoError(t, err)
}

// Idle machines are few, and none outlives the cache of its plan.
func TestIdle(t *testing.T) {
	eng, err := engine.New(&engine.Options{Threads: 1})
	require.NoError(t, err)
	var plans engine.Plans
	get := func(side int) *engine.Plan {
		plan, err := plans.Get(side, func() (inputs, outputs []*G.Node, err error) {
			g := G.NewGraph()
			x := input(g, "x", side, 1024)
			y, err := op.Add(x, x)
			return []*G.Node{x}, []*G.Node{y}, err
		})
		require.NoError(t, err)
		return plan
	}
	for side := 1; side < 100; side++ {
		require.NoError(t, eng.Run(t.Context(), get(side), [][]float32{make([]float32, 1024*side)}, nil))
	}
	assert.LessOrEqual(t, eng.Memory.InUse(), 18*get(99).Bytes(), "machines of forgotten plans")

	plan := get(1)
	var wg sync.WaitGroup
	for range 100 { // a burst
		wg.Go(func() {
			assert.NoError(t, eng.Run(t.Context(), plan, [][]float32{make([]float32, 1024)}, nil))
		})
	}
	wg.Wait()
	eng.Forget(&plans)
	assert.Zero(t, eng.Memory.InUse())
	assert.GreaterOrEqual(t, eng.Memory.Peak(), get(99).Bytes())
	eng.Memory.ResetPeak()
	assert.Zero(t, eng.Memory.Peak())
}

func TestMemoryLimit(t *testing.T) {
	plan := chain(t, 3, 16, 32)
	eng, err := engine.New(&engine.Options{MaxMemory: plan.Bytes() - 1})
	require.NoError(t, err)
	var limit *engine.MemoryError
	err = eng.Check(plan, 0, "a picture")
	require.ErrorAs(t, err, &limit)
	assert.Equal(t, engine.MemoryError{What: "a picture", Need: plan.Bytes(), Limit: plan.Bytes() - 1}, *limit)
	assert.Equal(t, "engine: a picture needs 65536 bytes beside the 0 bytes in use, more than the limit of 65535 bytes", err.Error())
	in := [][]float32{make([]float32, 16*16*32)}
	assert.ErrorAs(t, eng.Run(t.Context(), plan, in, in), &limit)

	// Idle memory gives way.
	eng, err = engine.New(&engine.Options{MaxMemory: plan.Bytes()})
	require.NoError(t, err)
	require.NoError(t, eng.Run(t.Context(), chain(t, 3, 8, 32), [][]float32{make([]float32, 8*8*32)}, nil))
	assert.NoError(t, eng.Check(plan, 0, "a picture"))
	assert.NoError(t, eng.Run(t.Context(), plan, in, in))

	// Runs that fit one at a time wait for each other.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			out := [][]float32{make([]float32, len(in[0]))}
			assert.NoError(t, eng.Run(t.Context(), plan, in, out))
		})
	}
	wg.Wait()

	_, err = engine.New(&engine.Options{Threads: -1})
	assert.ErrorContains(t, err, "have -1 threads")
	_, err = engine.New(&engine.Options{MaxMemory: -1})
	assert.ErrorContains(t, err, "have a memory limit of -1 bytes")
}

// Where the memory is short, plans that run in turn use one arena, and compute what
// they compute alone.
func TestPlansInTurn(t *testing.T) {
	plans := []*engine.Plan{chain(t, 3, 16, 32), chain(t, 5, 15, 32), chain(t, 4, 8, 32), chain(t, 2, 16, 32)}
	short, err := engine.New(&engine.Options{MaxMemory: plans[0].Bytes()})
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(2, 3))
	for range 3 {
		for i, side := range []int{16, 15, 8, 16} {
			in := [][]float32{random(r, side*side*32)}
			want, got := [][]float32{make([]float32, len(in[0]))}, [][]float32{make([]float32, len(in[0]))}
			alone, err := engine.New(nil)
			require.NoError(t, err)
			require.NoError(t, alone.Run(t.Context(), plans[i], in, want))
			require.NoError(t, short.Run(t.Context(), plans[i], in, got))
			require.Equal(t, want, got, "plan %d", i)
		}
	}
	short.Close()
	assert.Equal(t, plans[0].Bytes(), short.Memory.Allowed(), "memory was not given back")
}
