package engine_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/engine"
)

// laneData returns inputs of so many lanes, and room for their outputs.
func laneData(lanes, size int) (inputs, outputs [][][]float32) {
	r := rand.New(rand.NewPCG(3, 3))
	for range lanes {
		inputs = append(inputs, [][]float32{random(r, size)})
		outputs = append(outputs, [][]float32{make([]float32, size)})
	}
	return inputs, outputs
}

// Lanes compute what a run of each would, in the memory of as many runs, whether their
// machines are new, idle, or were another run's before.
func TestRunLanes(t *testing.T) {
	const lanes, size = 3, 8 * 8 * 32
	plan := chain(t, 5, 8, 32)
	inputs, outputs := laneData(lanes, size)
	single, err := engine.New(&engine.Options{Threads: 1})
	require.NoError(t, err)
	want := make([][][]float32, lanes)
	for i := range want {
		want[i] = [][]float32{make([]float32, size)}
		require.NoError(t, single.Run(t.Context(), plan, inputs[i], want[i]))
	}

	eng, err := engine.New(&engine.Options{Threads: lanes, MaxMemory: lanes * plan.Bytes()})
	require.NoError(t, err)
	run := func(ctx context.Context) {
		for _, out := range outputs {
			clear(out[0])
		}
		require.NoError(t, eng.RunLanes(ctx, plan, inputs, outputs))
		assert.Equal(t, want, outputs)
	}
	run(t.Context())
	run(t.Context())
	require.NoError(t, eng.Run(t.Context(), plan, inputs[0], outputs[1]))
	assert.Equal(t, want[0], outputs[1])
	run(t.Context())

	inner, end, err := eng.Begin(t.Context(), engine.Need{What: "one run", Turn: plan.Bytes()}, plan)
	require.NoError(t, err)
	defer end()
	run(inner) // in turn
}

func TestRunLanesErrors(t *testing.T) {
	const lanes, size = 2, 8 * 8 * 32
	plan := chain(t, 5, 8, 32)
	inputs, outputs := laneData(lanes, size)
	eng, err := engine.New(&engine.Options{Threads: lanes, MaxMemory: lanes*plan.Bytes() - 1})
	require.NoError(t, err)
	var short *engine.MemoryError
	assert.ErrorAs(t, eng.RunLanes(t.Context(), plan, inputs, outputs), &short)

	eng, err = engine.New(&engine.Options{Threads: lanes})
	require.NoError(t, err)
	inputs[1][0] = inputs[1][0][1:]
	assert.EqualError(t, eng.RunLanes(t.Context(), plan, inputs, outputs), "engine: input 0: have 2047 elements, want 2048")
}

func TestCancelLanes(t *testing.T) {
	const lanes, size = 2, 64 * 64 * 32
	eng, err := engine.New(&engine.Options{Threads: lanes})
	require.NoError(t, err)
	plan := chain(t, 400, 64, 32)
	inputs, outputs := laneData(lanes, size)
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, eng.RunLanes(ctx, plan, inputs, outputs), context.DeadlineExceeded)
	assert.LessOrEqual(t, runtime.NumGoroutine(), before+1, "goroutines left behind")
}

func TestLanes(t *testing.T) {
	for threads, want := range map[int][]int{1: {1, 1, 1, 1}, 2: {1, 2, 1, 2}, 3: {1, 1, 3, 1}} {
		eng, err := engine.New(&engine.Options{Threads: threads})
		require.NoError(t, err)
		for i, lanes := range want {
			assert.Equal(t, lanes, eng.Lanes(i+1), "%d samples, %d threads", i+1, threads)
		}
	}
}
