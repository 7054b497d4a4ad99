package model

import (
	"context"
	"fmt"
	"maps"
	"slices"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/engine"
	"sdgo/internal/op"
)

// Build makes a graph and returns its inputs and outputs.
type Build = func() (inputs, outputs []*G.Node, err error)

func (m *Model) plan(key any, build Build) (*engine.Plan, error) {
	key, build = m.whole(key, build)
	plan, err := m.plans.Get(key, build)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	return plan, nil
}

// Begin begins a call with several runs, of which the one with the key is the largest,
// and waits for its memory: need's, to which that of the run and What are added. Runs
// with the ctx that it returns are the call's. Call end.
func (m *Model) Begin(ctx context.Context, need engine.Need, key any, build Build) (_ context.Context, end func(), err error) {
	if ctx == nil {
		return nil, nil, fmt.Errorf("%s: have a nil context", m.name)
	}
	leave, err := m.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	plan, err := m.plan(key, build)
	if err != nil {
		leave()
		return nil, nil, err
	}
	need.Turn += plan.Bytes()
	inner, endTurn, err := m.eng.Begin(context.WithValue(ctx, insideKey{m.base}, true), need, plan)
	if err != nil {
		leave()
		return nil, nil, fmt.Errorf("%s: %w", m.name, err)
	}
	return inner, func() { endTurn(); leave() }, nil
}

// Inputs are the numbers of a graph's inputs by the names of their nodes.
type Inputs map[string][]float32

// Run computes the outputs of the graph that build makes, once for each key, for
// the given inputs: all that the graph has, and no others. It returns ctx's error soon
// after ctx is done.
func (m *Model) Run(ctx context.Context, key any, build Build, inputs Inputs, outputs [][]float32) error {
	return m.RunLanes(ctx, key, build, []Inputs{inputs}, [][][]float32{outputs})
}

// Lanes is in how many lanes that many samples run at best: see [engine.Engine.Lanes].
func (m *Model) Lanes(samples int) int { return m.eng.Lanes(samples) }

// RunLanes is Run with the inputs of several lanes, side by side.
func (m *Model) RunLanes(ctx context.Context, key any, build Build, inputs []Inputs, outputs [][][]float32) error {
	if ctx == nil {
		return fmt.Errorf("%s: have a nil context", m.name)
	}
	leave, err := m.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	plan, err := m.plan(key, build)
	if err != nil {
		return err
	}
	ordered := make([][][]float32, len(inputs))
	var slots []op.Arg
	for lane, in := range inputs {
		if ordered[lane], slots, err = m.order(plan, in); err != nil {
			return err
		}
	}
	if err := m.eng.RunLanes(ctx, plan, ordered, outputs, slots...); err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	return nil
}

// order returns the inputs, and the vectors of adapters among them, in the plan's order, and
// what its slots hold.
func (m *Model) order(plan *engine.Plan, inputs Inputs) (ordered [][]float32, slots []op.Arg, err error) {
	names := plan.Inputs()
	ordered = make([][]float32, len(names))
	vectors, slots := m.vectors()
	given := 0
	for i, name := range names {
		x, ok := vectors[name]
		if !ok {
			x, ok = inputs[name]
		} else {
			given++
		}
		if !ok {
			return nil, nil, fmt.Errorf("%s: input %q: have none, want one", m.name, name)
		}
		ordered[i] = x
	}
	if len(inputs) != len(names)-given {
		return nil, nil, fmt.Errorf("%s: have inputs %q, want %q", m.name, slices.Sorted(maps.Keys(inputs)), names)
	}
	return ordered, slots, nil
}
