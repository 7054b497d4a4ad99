package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"sdgo/internal/op"
)

// Lanes is in how many lanes that many samples run at best: one for each thread if those
// have as many samples each, else one. In a lane a single goroutine computes all from the
// inputs to the outputs. It waits for no other after each phase, and its samples stay in
// its own cache.
func (e *Engine) Lanes(samples int) int {
	if threads := e.Threads(); e.device == nil && samples > 0 && samples%threads == 0 {
		return threads
	}
	return 1
}

// RunLanes is [Engine.Run] of the plan with the inputs of each lane, side by side: as many
// as Lanes says, at most. It takes the plan's memory for each of them. In a turn that ctx
// carries, which may have less, they run one after the other.
func (e *Engine) RunLanes(ctx context.Context, p *Plan, inputs, outputs [][][]float32, slots ...op.Arg) error {
	t := turnOf(ctx)
	alone := len(inputs) == 1 || t != nil && t.c.e == e
	ctx, end, err := e.Begin(ctx, Need{What: arenaUse, Turn: int64(len(inputs)) * p.Bytes(), Short: true}, p)
	if err != nil {
		return err
	}
	defer end()
	t = turnOf(ctx)
	if !alone {
		return t.runLanes(ctx, p, inputs, outputs, slots)
	}
	for i := range inputs {
		if err := t.run(ctx, p, inputs[i], outputs[i], slots); err != nil {
			return err
		}
	}
	return nil
}

// runLanes runs all lanes at once. The first error of one ends the others.
func (t *Turn) runLanes(ctx context.Context, p *Plan, inputs, outputs [][][]float32, slots []op.Arg) error {
	machines, err := t.bindLanes(p, len(inputs), slots)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var others sync.WaitGroup
	run := func(lane int) {
		if err := machines[lane].compute(ctx, inputs[lane], outputs[lane]); err != nil {
			cancel(err)
		}
	}
	for lane := 1; lane < len(machines); lane++ {
		others.Go(func() { run(lane) })
	}
	run(0)
	others.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded) {
		return ctx.Err()
	}
	return context.Cause(ctx)
}

// bindLanes returns a machine of the plan for each lane: idle ones as far as there are any.
func (t *Turn) bindLanes(p *Plan, lanes int, slots []op.Arg) (machines []*Machine, err error) {
	e := t.c.e
	if t.machine, err = e.fit(t.machine, p, lanes, slots); err != nil {
		return nil, err
	}
	for len(t.lanes) < lanes-1 {
		m, err := e.fit(e.takeIdle(p), p, lanes, slots)
		if err != nil {
			return nil, err
		}
		t.lanes = append(t.lanes, m)
	}
	return append([]*Machine{t.machine}, t.lanes...), nil
}

// fit returns the machine if it is one for the plan, for what its slots hold and for one of
// a number of lanes; else a new one, which takes over the machine's arena if that is large
// enough. The machine may be nil.
func (e *Engine) fit(m *Machine, p *Plan, lanes int, slots []op.Arg) (*Machine, error) {
	threads := e.threads
	if lanes > 1 {
		threads = 1
	}
	if m != nil && m.plan == p && m.threads == threads && m.holds(slots) {
		return m, nil
	}
	if e.paper {
		return nil, ErrOnPaper
	}
	var arena *Block
	if m != nil && m.arenaBytes() >= p.Bytes() {
		arena = m.arena
	} else {
		if m != nil {
			m.Close()
		}
		var err error
		if arena, err = newBlock(p.arena/float, arenaUse, nil); err != nil {
			return nil, err
		}
	}
	m, err := p.bind(arena, threads, slots)
	if err != nil {
		return nil, err
	}
	m.trace = e.trace
	if e.trace != nil && lanes > 1 {
		m.trace = func(o op.Operation, d time.Duration) { e.trace(o, d/time.Duration(lanes)) }
	}
	return m, nil
}

// takeIdle takes an idle machine of a plan that has no more than the plan's memory, or
// returns nil if there is none.
func (e *Engine) takeIdle(p *Plan) *Machine {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.idle, func(m *Machine) bool { return m.plan == p && m.arenaBytes() <= p.Bytes() })
	if i < 0 {
		return nil
	}
	m := e.idle[i]
	e.forget(i)
	return m
}
