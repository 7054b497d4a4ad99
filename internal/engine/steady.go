package engine

import (
	"bytes"
	"slices"
	"unsafe"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// Some inputs are the same in run after run: the text of a picture in all its steps. What
// depends on them and on weights alone, a machine computes in the first of these runs; it
// keeps the values, in its arena, and skips their actions until such an input changes by a
// bit.

const (
	steadyLimit = 64 << 20 // the most bytes of values that depend on steady inputs alone
	steadyShare = 0.4      // and the most of its arena, which for small pictures would be mostly that
)

// settle marks the actions that depend on the inputs of these names and on weights
// alone, the first ones as far as their values are within the limit.
func (p *Plan) settle(names []string) {
	if _, ok := p.target.(op.Device); ok || len(names) == 0 {
		return
	}
	if p.hasSlots() { // what they hold changes from call to call
		return
	}
	steady, kept := make(map[*G.Node]bool), 0
	for _, n := range p.inputs {
		steady[n] = slices.Contains(names, n.Name())
	}
	for i, s := range p.actions {
		given, alone := 0, true
		for _, in := range s.inputs {
			_, computed := steady[in]
			alone = alone && (steady[in] || !computed)
			if computed {
				given++
			}
		}
		size := p.bytes(s.node)
		if _, view := s.operation.(op.Viewer); view {
			size = 0
		}
		alone = alone && given > 0 && kept+size <= steadyLimit
		if alone {
			kept += size
		}
		steady[s.node], p.actions[i].steady = alone, alone
	}
	if kept > 0 {
		p.steady = steady
	}
}

// hasSlots says whether actions read slots.
func (p *Plan) hasSlots() bool {
	for _, s := range p.actions {
		for _, n := range s.inputs {
			if _, slot := n.Value().(*op.Slot); slot {
				return true
			}
		}
	}
	return false
}

// keep gives the steady values that others read, and the inputs, the life of all runs.
func (l *layout) keep() {
	hold := func(n *G.Node) {
		if r := l.rootOf(n); l.steady[n] && l.root[r] != nil && !slices.Contains(l.kept, r) {
			l.kept = append(l.kept, r)
			l.last[r] = len(l.actions)
		}
	}
	for _, n := range slices.Concat(l.inputs, l.outputs) {
		hold(n)
	}
	for _, s := range l.actions {
		for _, in := range s.inputs {
			if !s.steady {
				hold(in)
			}
		}
	}
}

// keepsMuch says whether what is kept is too much of the arena.
func (l *layout) keepsMuch() bool {
	size := 0
	for _, n := range l.kept {
		size += l.lives[l.buffer[n]].size
	}
	return float64(size) > steadyShare*float64(l.arena)
}

// unsettle makes no value steady.
func (p *Plan) unsettle() {
	p.steady = nil
	for i := range p.actions {
		p.actions[i].steady = false
	}
}

// fill copies the inputs, and tells whether the steady ones were there already.
func (m *Machine) fill(inputs [][]float32) (same bool) {
	same = len(m.plan.steady) > 0
	for i, in := range inputs {
		at := m.Input(i)
		if same && m.plan.steady[m.plan.inputs[i]] {
			same = bytes.Equal(numberBytes(at), numberBytes(in))
		}
		copy(at, in)
	}
	return same
}

// numberBytes is the same memory as bytes.
func numberBytes(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), float*len(x))
}
