package engine

import (
	"context"
	"fmt"
	"slices"

	"sdgo/internal/op"
)

// Turn is the time in which a call may use memory beside what it holds: for a run of a
// plan, or for several of which none needs more than the first. One goroutine may use
// it at a time.
type Turn struct {
	c       *Claim
	plan    *Plan // of the largest run; nil if there is none
	bytes   int64 // that it takes: the arena's and others
	scratch int64 // of the kernels, beside them
	begun   chan struct{}
	granted bool
	machine *Machine   // nil before the first run
	lanes   []*Machine // of lanes but the first
}

// Turn waits for a turn of the plan's bytes and extra ones, together no more than the
// claim named. The plan may be nil. End the turn.
func (c *Claim) Turn(ctx context.Context, p *Plan, extra int64) (*Turn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e := c.e
	t := &Turn{c: c, plan: p, bytes: p.Bytes() + extra, begun: make(chan struct{})}
	e.mu.Lock()
	switch {
	case c.state != running:
		e.mu.Unlock()
		return nil, ErrEnded
	case t.bytes > c.need.Turn:
		e.mu.Unlock()
		return nil, fmt.Errorf("engine: internal error: %s: have a turn of %d bytes, want at most %d", c.need.What, t.bytes, c.need.Turn)
	}
	e.waiting = append(e.waiting, t)
	e.dispatch()
	e.mu.Unlock()
	select {
	case <-t.begun:
		return t, nil
	default:
	}
	select {
	case <-t.begun:
		return t, nil
	case <-ctx.Done():
		t.End()
		return nil, ctx.Err()
	}
}

// begin lets the turn begin. An idle machine of its plan is its own then; where the
// memory is short, or idle machines would take too much beside it, so is the arena of
// another that is large enough: plans that run in turn would else wait for fresh pages
// each time.
func (e *Engine) begin(t *Turn, room int64) {
	t.granted = true
	t.scratch = t.plan.scratchBytes(e.Threads())
	e.turns++
	if t.plan != nil {
		e.reuse(t, room)
	}
	e.taken += t.bytes
	e.scratch += t.scratch
	close(t.begun)
}

// reuse takes an idle machine for the turn, if there is one. If there is none, idle
// machines give way as far as they and the turn take more than the limit of what is idle.
func (e *Engine) reuse(t *Turn, room int64) {
	many := e.idleBytes+t.bytes > e.idleLimit
	short := e.taken+e.scratch+e.idleBytes+t.bytes > room
	found, most := -1, int64(0)
	for i, m := range e.idle {
		more := m.arenaBytes() - t.plan.Bytes() // as an arena that was another's may have
		much := more > t.plan.Bytes() && (short || !many || e.device != nil)
		if more < 0 || much || more > 0 && e.taken+e.scratch+t.bytes+t.scratch+more > room {
			continue
		}
		if m.plan == t.plan || (short || many) && found < 0 {
			found, most = i, more
		}
		if m.plan == t.plan {
			break
		}
	}
	if found >= 0 {
		t.machine = e.idle[found]
		e.bound.add(t)
		t.bytes += most
		e.forget(found)
		return
	}
	for len(e.idle) > 0 && e.idleBytes+t.bytes > e.idleLimit {
		e.drop(0)
	}
}

// bind returns the turn's machine for a plan, which is the turn's or needs no more, and
// for what its slots hold.
func (t *Turn) bind(ctx context.Context, p *Plan, slots []op.Arg) (*Machine, error) {
	m := t.machine
	if t.c.e.device == nil {
		var err error
		t.machine, err = t.c.e.fit(m, p, 1, slots)
		return t.machine, err
	}
	if m != nil && m.plan == p {
		if m.holds(slots) {
			return m, nil
		}
		return m, m.refill(slots)
	}
	t.machine = nil
	if m != nil {
		m.Close()
	}
	m, err := t.bindDevice(ctx, p, slots)
	t.machine = m
	return m, err
}

// End ends the turn. Its machine is kept for the next turn of its plan, unless that is
// no longer cached or the machine is large; machines that were not used for longer give
// way.
func (t *Turn) End() {
	e := t.c.e
	e.mu.Lock()
	defer e.mu.Unlock()
	if t.granted {
		e.turns--
		e.taken -= t.bytes
		e.scratch -= t.scratch
		e.bound.remove(t)
		if t.machine != nil {
			t.machine.empty()
			e.keep(t.machine)
			t.machine = nil
		}
		for _, m := range t.lanes {
			m.empty()
			e.keep(m)
		}
		t.lanes = nil
	} else {
		e.waiting = slices.DeleteFunc(e.waiting, func(o *Turn) bool { return o == t })
	}
	e.dispatch()
}

// run computes the plan's outputs from inputs given in order and copies them to
// outputs.
func (t *Turn) run(ctx context.Context, p *Plan, inputs, outputs [][]float32, slots []op.Arg) error {
	m, err := t.bind(ctx, p, slots)
	if err != nil {
		return err
	}
	return m.compute(ctx, inputs, outputs)
}

// compute computes the plan's outputs from inputs given in order and copies them to
// outputs.
func (m *Machine) compute(ctx context.Context, inputs, outputs [][]float32) error {
	for i, in := range inputs {
		if have, want := len(in), len(m.Input(i)); have != want {
			return fmt.Errorf("engine: input %d: have %d elements, want %d", i, have, want)
		}
	}
	same := m.fill(inputs)
	skip := m.settled && same
	m.settled = false
	if err := m.run(ctx, skip); err != nil {
		return err
	}
	m.settled = true
	for i, out := range outputs {
		copy(out, m.Output(i))
	}
	return nil
}
