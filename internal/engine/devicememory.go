package engine

import (
	"context"
	"errors"

	"sdgo/internal/device"
	"sdgo/internal/op"
)

// A device's memory may be short though the limit is kept: other programs take of it, and
// so does the driver. Then idle machines give way, and turns wait for others that hold
// some.

// bindDevice binds the plan to memory of the device, and to what its slots hold. The turn
// holds no memory any more.
func (t *Turn) bindDevice(ctx context.Context, p *Plan, slots []op.Arg) (*Machine, error) {
	e := t.c.e
	e.mu.Lock()
	e.bound.remove(t)
	e.mu.Unlock()
	for {
		m, changes, err := t.tryDevice(p, slots)
		switch {
		case err == nil:
			return m, nil
		case !errors.Is(err, device.ErrMemory):
			return nil, err
		case e.dropIdle():
			continue
		}
		now, changed := e.others()
		switch {
		case now != changes: // another had taken some, or has given some back
		case changed == nil:
			return nil, err
		default:
			select {
			case <-changed:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
}

// tryDevice binds the plan, one turn at a time: who finds no memory sees all that holds
// some. Changes are those of before.
func (t *Turn) tryDevice(p *Plan, slots []op.Arg) (m *Machine, changes int, err error) {
	e := t.c.e
	e.binding.Lock()
	defer e.binding.Unlock()
	changes, _ = e.others()
	if m, err = p.bindDevice(e.device, slots); err == nil {
		e.mu.Lock()
		e.bound.add(t)
		e.mu.Unlock()
	}
	return m, changes, err
}

// dropIdle gives the memory of all idle machines back, and says whether there were any.
func (e *Engine) dropIdle() (dropped bool) {
	e.dropIf(func(*Machine) bool {
		dropped = true
		return true
	})
	return dropped
}

// others returns how often turns took memory of the device or gave it back, or an idle
// machine did, and what is closed when that is next: nil if no turn holds any. It is for a
// turn that holds none.
func (e *Engine) others() (changes int, changed <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.bound.turns) == 0 {
		return e.bound.changes, nil
	}
	if e.bound.changed == nil {
		e.bound.changed = make(chan struct{})
	}
	return e.bound.changes, e.bound.changed
}

// bound are turns that hold memory of the device. Its methods want the engine's lock held.
type bound struct {
	turns   map[*Turn]bool
	changes int           // so far, and of what is idle
	changed chan struct{} // closed at the next; nil if nobody waits
}

func (b *bound) add(t *Turn) {
	if b.turns == nil {
		b.turns = make(map[*Turn]bool)
	}
	b.turns[t] = true
	b.change()
}

// remove is called once the turn's machine is idle or closed.
func (b *bound) remove(t *Turn) {
	if b.turns[t] {
		delete(b.turns, t)
		b.change()
	}
}

func (b *bound) change() {
	b.changes++
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}
