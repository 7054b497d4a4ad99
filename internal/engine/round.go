package engine

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// bfloat16 is the bytes of such a number.
const bfloat16 = 2

// round makes values bfloat16 that only operations read which round them to it anyway, if
// the target keeps them so and who computes them can: they are rounded once, not by every
// task that reads them, and take half the memory. All readers have to agree, through
// views too; inputs and outputs of the plan are float32.
func (p *Plan) round() {
	if !p.target.Rounds() {
		return
	}
	shown := make(map[*G.Node]*G.Node) // whose numbers a view has
	root := func(n *G.Node) *G.Node {
		if r := shown[n]; r != nil {
			return r
		}
		return n
	}
	p.rounded = make(map[*G.Node]bool)
	for _, s := range p.actions {
		if _, view := s.operation.(op.Viewer); view {
			shown[s.node] = root(s.inputs[0])
		} else if w, ok := s.operation.(op.RoundedWriter); ok {
			_, p.rounded[s.node] = w.WriteRounded(s.inputs)
		}
	}
	for _, n := range p.outputs {
		p.rounded[root(n)] = false
	}
	for _, s := range p.actions {
		for i, in := range s.inputs {
			if shown[s.node] == nil && !readsRounded(s, i) {
				p.rounded[root(in)] = false
			}
		}
	}
	for i := range p.actions {
		p.actions[i].round(p.rounded, root)
	}
	for n, r := range shown {
		p.rounded[n] = p.rounded[r]
	}
}

// readsRounded says whether an action can read its input i as bfloat16.
func readsRounded(s action, i int) bool {
	r, ok := s.operation.(op.RoundedReader)
	if ok {
		_, ok = r.ReadRounded(i, s.inputs)
	}
	return ok
}

// round tells the action's operation which of its values are bfloat16.
func (s *action) round(rounded map[*G.Node]bool, root func(*G.Node) *G.Node) {
	for i, in := range s.inputs {
		if r, ok := s.operation.(op.RoundedReader); ok && rounded[root(in)] {
			s.operation, _ = r.ReadRounded(i, s.inputs)
		}
	}
	if rounded[s.node] {
		s.operation, _ = s.operation.(op.RoundedWriter).WriteRounded(s.inputs)
	}
}
