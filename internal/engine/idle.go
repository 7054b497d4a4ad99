package engine

import "slices"

// An engine keeps machines between runs, up to idleLimit bytes and idleMachines.
const (
	idleLimit    = 256 << 20
	idleMachines = 32
)

// keep makes a machine idle, or gives its memory back.
func (e *Engine) keep(m *Machine) {
	if m.plan.dropped.Load() || m.bytes() > 4*e.idleLimit {
		m.Close()
		return
	}
	for len(e.idle) > 0 && (e.idleBytes+m.bytes() > e.idleLimit || len(e.idle) >= idleMachines) {
		e.drop(0)
	}
	e.idle = append(e.idle, m)
	e.idleBytes += m.bytes()
	e.idleArenas += m.arenaBytes()
}

// forget takes machine i off the idle ones.
func (e *Engine) forget(i int) {
	e.idleBytes -= e.idle[i].bytes()
	e.idleArenas -= e.idle[i].arenaBytes()
	e.idle = slices.Delete(e.idle, i, i+1)
}

// drop gives the memory of idle machine i back.
func (e *Engine) drop(i int) {
	m := e.idle[i]
	e.forget(i)
	m.Close()
	e.bound.change()
}

// trim drops idle machines whose plans are no longer cached, and, the longest unused
// first, those that are too large for the room.
func (e *Engine) trim(room int64) {
	for i := len(e.idle) - 1; i >= 0; i-- {
		if e.idle[i].plan.dropped.Load() {
			e.drop(i)
		}
	}
	for len(e.idle) > 0 && e.idleBytes > room {
		e.drop(0)
	}
}

// dropIf drops the idle machines that are so.
func (e *Engine) dropIf(so func(m *Machine) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := len(e.idle) - 1; i >= 0; i-- {
		if so(e.idle[i]) {
			e.drop(i)
		}
	}
	e.dispatch()
}
