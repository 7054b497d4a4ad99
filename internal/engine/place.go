package engine

import (
	"slices"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// place gives every value that is computed, and every input, its part of the
// arena, such that no two values that are needed at the same time overlap.
func (p *Plan) place() {
	l := layout{Plan: p, last: make(map[*G.Node]int), root: make(map[*G.Node]*G.Node), buffer: make(map[*G.Node]int)}
	l.trace()
	l.keep()
	l.buffers()
	p.arena = pack(l.lives, p.target.Align())
	if l.keepsMuch() {
		p.unsettle()
		p.place()
		return
	}
	p.places = make(map[*G.Node]place)
	for n, r := range l.root {
		if b, ok := l.buffer[r]; ok {
			p.places[n] = place{l.lives[b].offset, p.bytes(n)}
		}
	}
	for i, s := range p.actions {
		if size := p.target.Work(s.operation); size > 0 {
			p.actions[i].work = place{l.lives[l.works[i]].offset, size}
		}
	}
	p.actions = slices.DeleteFunc(p.actions, func(s action) bool { return l.root[s.node] != s.node })
}

// layout is what is known of the values of a plan while they get their places.
type layout struct {
	*Plan
	last   map[*G.Node]int     // the last action that reads a node; outputs are read at the end
	root   map[*G.Node]*G.Node // the node in whose memory a node lies
	buffer map[*G.Node]int     // of a root, in lives
	works  []int               // buffers of the actions' scratch, in lives
	lives  []life
	kept   []*G.Node // roots whose values outlast the run
}

// rootOf is root for weights, too, which lie elsewhere.
func (l *layout) rootOf(n *G.Node) *G.Node {
	if r := l.root[n]; r != nil {
		return r
	}
	return n
}

// trace finds roots and last readers. Views share memory with what they show: the life
// of that is theirs.
func (l *layout) trace() {
	for _, n := range l.inputs {
		l.root[n], l.last[n] = n, 0
	}
	read := func(n *G.Node, i int) {
		r := l.rootOf(n)
		l.last[r] = max(l.last[r], i)
	}
	for i, s := range l.actions {
		l.root[s.node] = s.node
		if _, view := s.operation.(op.Viewer); view && l.root[s.inputs[0]] != nil {
			l.root[s.node] = l.root[s.inputs[0]]
		}
		read(s.node, i)
		for _, in := range s.inputs {
			read(in, i)
		}
	}
	for _, n := range l.outputs {
		l.last[l.rootOf(n)] = len(l.actions)
	}
}

// buffers lists what needs memory, and when. An operation may write over an input that
// dies with it: then both are one buffer with a longer life.
func (l *layout) buffers() {
	add := func(n *G.Node, begin int) {
		l.buffer[n] = len(l.lives)
		l.lives = append(l.lives, life{begin: begin, end: l.last[n], size: l.bytes(n)})
	}
	for _, n := range l.inputs {
		add(n, 0)
	}
	l.works = make([]int, len(l.actions))
	for i, s := range l.actions {
		if size := l.target.Work(s.operation); size > 0 {
			l.works[i] = len(l.lives)
			l.lives = append(l.lives, life{begin: i, end: i, size: size})
		}
		if l.root[s.node] != s.node {
			continue
		}
		if over, ok := l.overwritten(s, i); ok {
			b := l.buffer[over]
			l.buffer[s.node] = b
			l.lives[b].end = l.last[s.node]
			continue
		}
		add(s.node, i)
	}
	for _, n := range l.kept {
		l.lives[l.buffer[n]].begin = 0
	}
}

// overwritten returns the root of an input that action i may write over: it lies
// in the arena, has the output's size or may shrink, and nothing reads it later.
func (l *layout) overwritten(s action, i int) (*G.Node, bool) {
	for arg, in := range s.inputs {
		r := l.rootOf(in)
		_, inArena := l.buffer[r]
		if !l.target.InPlace(s.operation, arg) || !inArena || l.last[r] != i || l.rounded[r] != l.rounded[s.node] {
			continue
		}
		have, want := r.Shape().TotalSize(), s.node.Shape().TotalSize()
		if have != want && !(have > want && l.target.Shrinks(s.operation, arg)) {
			continue
		}
		shared := false // another input may show the same memory
		for other, n := range s.inputs {
			shared = shared || other != arg && l.rootOf(n) == r
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
