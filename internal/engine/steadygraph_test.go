package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"

	"sdgo/internal/engine"
	"sdgo/internal/op"
)

// steadyGraph is a random graph of x [2 60 16] and of text and show [2 5 16], and its plan.
type steadyGraph struct {
	*testing.T
	g          *G.ExprGraph
	r          *rand.Rand
	small, big []*G.Node // of the shape of text, and of x
	weights    int
}

const steadyWidth = 16 // of the values

func (s *steadyGraph) must(n *G.Node, err error) *G.Node {
	require.NoError(s, err)
	return n
}

func (s *steadyGraph) pick(list []*G.Node) *G.Node { return list[s.r.IntN(len(list))] }

func (s *steadyGraph) linear(x *G.Node) *G.Node {
	s.weights++
	return s.must(op.Linear(x, weight(s.g, s.r, fmt.Sprint("w", s.weights), steadyWidth, steadyWidth), nil))
}

// grow adds a value.
func (s *steadyGraph) grow() {
	switch s.r.IntN(9) {
	case 0:
		s.small = append(s.small, s.linear(s.pick(s.small)))
	case 1:
		s.small = append(s.small, s.must(op.Add(s.pick(s.small), s.pick(s.small))))
	case 2: // views
		s.small = append(s.small, s.must(op.Reshape(s.must(op.Reshape(s.pick(s.small), 10, steadyWidth)), 2, 5, steadyWidth)))
	case 3:
		s.small = append(s.small, s.linear(s.linear(s.pick(s.small))))
	case 4:
		s.big = append(s.big, s.linear(s.pick(s.big)))
	case 5:
		s.big = append(s.big, s.must(op.Add(s.pick(s.big), s.pick(s.big))))
	case 6, 7:
		s.big = append(s.big, s.must(op.Attention(s.pick(s.big), s.pick(s.small), s.pick(s.small), 2, false, false)))
	case 8: // what was small and steady depends on x
		s.small = append(s.small, s.must(op.Attention(s.pick(s.small), s.pick(s.big), s.pick(s.big), 2, false, false)))
	}
}

// randomSteady returns the plan of the graph of a seed, and the sizes of its outputs.
func randomSteady(t *testing.T, seed uint64, steady ...string) (p *engine.Plan, sizes []int) {
	s := &steadyGraph{T: t, g: G.NewGraph(), r: rand.New(rand.NewPCG(seed, 6))}
	x, text, show := input(s.g, "x", 2, 60, steadyWidth), input(s.g, "text", 2, 5, steadyWidth), input(s.g, "show", 2, 5, steadyWidth)
	s.small, s.big = []*G.Node{text, show}, []*G.Node{x}
	for range 14 {
		s.grow()
	}
	outputs := []*G.Node{s.linear(s.big[len(s.big)-1])}
	if seed%2 == 0 { // which may be steady
		outputs = append(outputs, s.linear(s.pick(s.small)))
	}
	p, err := engine.NewPlanFor(op.CPU{}, []*G.Node{x, text, show}, outputs, steady...)
	require.NoError(t, err)
	for _, n := range outputs {
		sizes = append(sizes, n.Shape().TotalSize())
	}
	return p, sizes
}

// Whatever the graph, runs that keep values have the bytes of runs that keep none: as steady
// inputs change or not, and after runs that were cancelled.
func TestSteadyGraphs(t *testing.T) {
	kept := 0
	for seed := range uint64(60) {
		plan, sizes := randomSteady(t, seed, [][]string{{"text"}, {"text", "show"}, {"show"}, {"x", "text", "show"}}[seed%4]...)
		plain, _ := randomSteady(t, seed)
		if plan.Bytes() != plain.Bytes() {
			kept++
		}
		eng, err := engine.New(&engine.Options{Threads: 2})
		require.NoError(t, err)
		r := rand.New(rand.NewPCG(seed, 2))
		in := [][]float32{random(r, 120*steadyWidth), random(r, 10*steadyWidth), random(r, 10*steadyWidth)}
		for i := range 12 {
			if k := r.IntN(4); k < 3 {
				in[k][r.IntN(len(in[k]))]++
			}
			if r.IntN(6) == 0 {
				ctx, stop := context.WithCancel(t.Context())
				stop()
				require.ErrorIs(t, eng.Run(ctx, plan, in, numbers(sizes)), context.Canceled)
			}
			want, have := numbers(sizes), numbers(sizes)
			require.NoError(t, eng.Run(t.Context(), plain, in, want))
			require.NoError(t, eng.Run(t.Context(), plan, in, have))
			require.Equal(t, want, have, "seed %d, run %d", seed, i)
		}
		eng.Close()
	}
	require.Greater(t, kept, 20, "plans that keep values")
}

// numbers returns lists of zeros.
func numbers(sizes []int) (lists [][]float32) {
	for _, n := range sizes {
		lists = append(lists, make([]float32, n))
	}
	return lists
}
