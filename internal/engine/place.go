package engine

import (
	"slices"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// place gives every value that is computed, and every input, its part of the
// arena, such that no two values that are needed at the same time overlap.
func (p *Plan) place() {
	// The last action that reads each node; outputs are read at the end.
	last := make(map[*G.Node]int)
	root := make(map[*G.Node]*G.Node) // the node in whose memory a node lies
	for _, n := range p.inputs {
		root[n], last[n] = n, 0
	}
	rootOf := func(n *G.Node) *G.Node {
		if r := root[n]; r != nil {
			return r
		}
		return n // a weight
	}
	// Views share memory with what they show: the life of that is theirs.
	for i, s := range p.actions {
		root[s.node] = s.node
		if _, view := s.operation.(op.Viewer); view && root[s.inputs[0]] != nil {
			root[s.node] = root[s.inputs[0]]
		}
		last[rootOf(s.node)] = max(last[rootOf(s.node)], i)
		for _, in := range s.inputs {
			last[rootOf(in)] = max(last[rootOf(in)], i)
		}
	}
	for _, n := range p.outputs {
		last[rootOf(n)] = len(p.actions)
	}

	// An operation may write over an input that dies with it: then both are one
	// buffer with a longer life.
	buffer := make(map[*G.Node]int) // root to buffer
	var lives []life
	newBuffer := func(n *G.Node, begin, end int) {
		buffer[n] = len(lives)
		lives = append(lives, life{begin: begin, end: end, size: p.bytes(n)})
	}
	for _, n := range p.inputs {
		newBuffer(n, 0, last[n])
	}
	works := make([]int, len(p.actions))
	for i, s := range p.actions {
		if size := p.target.Work(s.operation); size > 0 {
			works[i] = len(lives)
			lives = append(lives, life{begin: i, end: i, size: size})
		}
		if root[s.node] != s.node {
			continue
		}
		over, inPlace := p.overwritten(s, i, rootOf, buffer, last)
		if inPlace {
			b := buffer[over]
			buffer[s.node] = b
			lives[b].end = last[s.node]
			continue
		}
		newBuffer(s.node, i, last[s.node])
	}

	p.arena = pack(lives, p.target.Align())
	p.places = make(map[*G.Node]place)
	for n, r := range root {
		if b, ok := buffer[r]; ok {
			p.places[n] = place{lives[b].offset, p.bytes(n)}
		}
	}
	for i, s := range p.actions {
		if size := p.target.Work(s.operation); size > 0 {
			p.actions[i].work = place{lives[works[i]].offset, size}
		}
	}
	p.actions = slices.DeleteFunc(p.actions, func(s action) bool { return root[s.node] != s.node })
}

// overwritten returns the root of an input that action i may write over: it lies
// in the arena, has the output's size or may shrink, and nothing reads it later.
func (p *Plan) overwritten(s action, i int, rootOf func(*G.Node) *G.Node, buffer map[*G.Node]int, last map[*G.Node]int) (*G.Node, bool) {
	for arg, in := range s.inputs {
		r := rootOf(in)
		_, inArena := buffer[r]
		if !p.target.InPlace(s.operation, arg) || !inArena || last[r] != i {
			continue
		}
		have, want := r.Shape().TotalSize(), s.node.Shape().TotalSize()
		if have != want && !(have > want && p.target.Shrinks(s.operation, arg)) {
			continue
		}
		shared := false // another input may show the same memory
		for other, n := range s.inputs {
			shared = shared || other != arg && rootOf(n) == r
		}
		if !shared {
			return r, true
		}
	}
	return nil, false
}

// life is a buffer that is needed from action begin to action end.
type life struct{ begin, end, size, offset int }

// pack sets the offsets, multiples of align, and returns the size of the arena. All is
// in bytes. The largest buffer comes first; each goes into the tightest gap between
// those that live at the same time.
func pack(lives []life, align int) int {
	order := make([]int, len(lives))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return lives[b].size - lives[a].size })
	total := 0
	var placed []life // by offset
	for _, i := range order {
		l := &lives[i]
		size := (l.size + align - 1) / align * align
		best, bestGap, end := -1, 0, 0
		for _, o := range placed {
			if o.end < l.begin || o.begin > l.end {
				continue
			}
			if gap := o.offset - end; gap >= size && (best < 0 || gap < bestGap) {
				best, bestGap = end, gap
			}
			end = max(end, o.offset+o.size)
		}
		if best < 0 {
			best = end
		}
		l.offset = best
		at, _ := slices.BinarySearchFunc(placed, best, func(o life, offset int) int { return o.offset - offset })
		placed = slices.Insert(placed, at, life{l.begin, l.end, size, best})
		total = max(total, best+size)
	}
	return total
}
