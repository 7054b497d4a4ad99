package engine_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/engine"
	"sdgo/internal/op"
)

// steadyPlan has three layers on x [2 pixels 8], each with an attention to text [2 5 8]: six of
// its linear layers depend on text alone.
func steadyPlan(t *testing.T, pixels int, steady ...string) *engine.Plan {
	g, r := G.NewGraph(), rand.New(rand.NewPCG(5, 6))
	x, text := input(g, "x", 2, pixels, 8), input(g, "text", 2, 5, 8)
	linear := func(x *G.Node, name string) *G.Node {
		out, err := op.Linear(x, weight(g, r, name, 8, 8), nil)
		require.NoError(t, err)
		return out
	}
	h := x
	for range 3 {
		k, v := linear(text, "k"), linear(text, "v")
		k, err := op.Reshape(k, 2, 5, 8) // which is a view
		require.NoError(t, err)
		a, err := op.Attention(linear(h, "q"), k, v, 2, false, false)
		require.NoError(t, err)
		sum, err := op.Add(linear(linear(a, "out"), "more"), h)
		require.NoError(t, err)
		h = sum
	}
	p, err := engine.NewPlanFor(op.CPU{}, []*G.Node{x, text}, []*G.Node{h}, steady...)
	require.NoError(t, err)
	return p
}

// What depends on a steady input alone is computed when that changes by a bit, and only
// then, with the bytes of a plan that knows of none.
func TestSteady(t *testing.T) {
	plan, plain := steadyPlan(t, 40, "text"), steadyPlan(t, 40)
	ran, cancel := 0, func() {}
	eng, err := engine.New(&engine.Options{Threads: 2, Trace: func(op.Operation, time.Duration) { ran++; cancel() }})
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 2))
	text, out := random(r, 2*5*8), make([]float32, 2*40*8)
	actions := func() int {
		x, want := random(r, 2*40*8), make([]float32, 2*40*8)
		require.NoError(t, eng.Run(t.Context(), plain, [][]float32{x, text}, [][]float32{want}))
		ran = 0
		require.NoError(t, eng.Run(t.Context(), plan, [][]float32{x, text}, [][]float32{out}))
		assert.Equal(t, want, out)
		return ran
	}
	all := actions()
	assert.Equal(t, all-6, actions(), "the same text")
	for _, number := range []float32{-text[79], 0, float32(math.Copysign(0, -1)), 1} {
		text[79] = number
		assert.Equal(t, all, actions(), "%v", number)
		assert.Equal(t, all-6, actions(), "%v again", number)
	}

	text[0]++
	ctx, stop := context.WithCancel(t.Context())
	cancel = func() { stop(); time.Sleep(time.Millisecond) } // after the first action, or one soon after
	require.ErrorIs(t, eng.Run(ctx, plan, [][]float32{random(r, 2*40*8), text}, [][]float32{out}), context.Canceled)
	cancel = func() {}
	assert.Equal(t, all, actions(), "after a run that ended early")
	eng.Close()
	assert.Equal(t, all, actions(), "in a new machine")
}

// The values that a machine keeps are part of its memory.
func TestSteadyBytes(t *testing.T) {
	const values = 6 * 2 * 5 * 8 * 4
	more := steadyPlan(t, 40, "text").Bytes() - steadyPlan(t, 40).Bytes()
	assert.Greater(t, more, int64(values)/2)
	assert.LessOrEqual(t, more, int64(values+1024))
	assert.Equal(t, steadyPlan(t, 40).Bytes(), steadyPlan(t, 40, "no input of this").Bytes())
	assert.Equal(t, steadyPlan(t, 1).Bytes(), steadyPlan(t, 1, "text").Bytes(), "most of a small plan's would be that")
}
