package engine

import (
	"unsafe"

	"sdgo/internal/op"
)

// holds says whether the machine is bound to the weights for the plan's slots.
func (m *Machine) holds(slots []op.Arg) bool {
	if m.device != nil {
		return true
	}
	return m.jobs != nil && len(m.slots) == len(slots) && unsafe.SliceData(m.slots) == unsafe.SliceData(slots)
}

// empty makes the machine let go of what its slots hold, so that an idle machine keeps
// nothing of a call.
func (m *Machine) empty() {
	if len(m.slots) > 0 {
		m.jobs, m.slots = nil, nil
	}
}
