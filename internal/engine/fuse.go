package engine

import (
	"slices"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// fuse joins operations whose results nothing else reads.
func (p *Plan) fuse() {
	uses := make(map[*G.Node]int)
	for _, s := range p.actions {
		for _, in := range s.inputs {
			uses[in]++
		}
	}
	for _, n := range p.outputs {
		uses[n]++
	}

	at := make(map[*G.Node]int) // action that computes a node, in done
	var done []action
	for _, s := range p.actions {
		at[s.node] = len(done)
		for {
			fused, prev, ok := p.fuseOne(s, uses, at, done)
			if !ok {
				break
			}
			done[prev].operation = nil // absorbed
			s = fused
		}
		done = append(done, s)
	}
	p.actions = slices.DeleteFunc(done, func(s action) bool { return s.operation == nil })
}

// fuseOne joins s and the latest action before it that can be joined with it, and
// returns that action's index.
func (p *Plan) fuseOne(s action, uses map[*G.Node]int, at map[*G.Node]int, done []action) (fused action, prev int, ok bool) {
	prev = -1
	for arg, in := range s.inputs {
		i, computed := at[in]
		if !computed || uses[in] != 1 || i < prev || i >= len(done) {
			continue
		}
		before := done[i]
		if f, can := before.operation.(op.Fuser); can {
			if o, can := f.Fuse(p.target, s.operation, arg); can {
				others := slices.Delete(slices.Clone(s.inputs), arg, arg+1)
				fused = action{node: s.node, operation: o, inputs: append(slices.Clone(before.inputs), others...)}
				prev, ok = i, true
				continue
			}
		}
		if f, can := s.operation.(op.InputFuser); can {
			if o, can := f.FuseInput(p.target, before.operation, arg); can {
				inputs := slices.Clone(s.inputs)
				inputs[arg] = before.inputs[0]
				fused = action{node: s.node, operation: o, inputs: inputs}
				prev, ok = i, true
			}
		}
	}
	return fused, prev, ok
}
