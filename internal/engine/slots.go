package engine

import (
	"fmt"
	"unsafe"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// leafOf is [leaf] where that of a slot is known.
func leafOf(n *G.Node, slots []op.Arg) (op.Arg, error) {
	s, ok := n.Value().(*op.Slot)
	if !ok {
		return leaf(n)
	}
	if s.Number() >= len(slots) {
		return op.Arg{}, fmt.Errorf("engine: node %q: have %d weights for the slots, want one of number %d", n.Name(), len(slots), s.Number())
	}
	return slots[s.Number()], nil
}

// holds says whether the machine is bound to the weights for the plan's slots.
func (m *Machine) holds(slots []op.Arg) bool {
	bound := m.device != nil || m.jobs != nil
	return bound && len(m.slots) == len(slots) && unsafe.SliceData(m.slots) == unsafe.SliceData(slots)
}

// empty makes the machine let go of what its slots hold, so that an idle machine keeps
// nothing of a call. On a device those are addresses alone, which no other call has: the
// next run of the same call finds its launches ready.
func (m *Machine) empty() {
	if m.device == nil && len(m.slots) > 0 {
		m.jobs, m.slots = nil, nil
	}
}
