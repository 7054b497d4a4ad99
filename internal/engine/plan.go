package engine

import (
	"fmt"
	"slices"
	"sync/atomic"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// Plan is a graph made ready to run: the order of its operations, some fused
// into one, and the place of every value in one arena. It is immutable and
// safe for concurrent use; each concurrent run has a [Machine] of its own.
type Plan struct {
	inputs, outputs []*G.Node
	target          op.Target
	steps           []step
	places          map[*G.Node]place
	arena           int          // bytes
	scratch         atomic.Int64 // float32s for each thread; 0 before the first machine
	dropped         atomic.Bool  // no longer cached: its machines are not kept
}

// step is one operation to run.
type step struct {
	node      *G.Node // whose value it computes
	operation op.Operation
	inputs    []*G.Node
	work      place
}

// place is a part of the arena, in bytes.
type place struct{ offset, size int }

// NewPlan plans the computation of outputs from inputs on the processor.
func NewPlan(inputs, outputs []*G.Node) (*Plan, error) {
	return NewPlanFor(op.CPU{}, inputs, outputs)
}

// NewPlanFor plans the computation of outputs from inputs, which are nodes without
// an operation, on a target. Every other such node must hold its value: the weights.
func NewPlanFor(target op.Target, inputs, outputs []*G.Node) (*Plan, error) {
	if len(outputs) == 0 {
		return nil, fmt.Errorf("engine: no outputs to compute")
	}
	for _, n := range slices.Concat(inputs, outputs) {
		if n == nil || n.Type() == nil {
			return nil, fmt.Errorf("engine: have a node that is nil or zero, want one of a graph")
		}
	}
	p := &Plan{target: target, inputs: inputs, outputs: outputs}
	if err := p.order(); err != nil {
		return nil, err
	}
	p.fuse()
	p.place()
	return p, nil
}

// Bytes is the memory that one machine of the plan needs. A nil plan needs none.
func (p *Plan) Bytes() int64 {
	if p == nil {
		return 0
	}
	return int64(p.arena)
}

// scratchBytes is what kernels on a number of threads need beside it.
func (p *Plan) scratchBytes(threads int) int64 {
	if p == nil {
		return 0
	}
	return float * p.scratch.Load() * int64(threads)
}

// StepInfo describes a step of a plan.
type StepInfo struct {
	Operation op.Operation
	Weight    *op.Weight // the packed one that it reads, or else the first, or nil
	Name      string     // of that weight's node
	Output    int64      // bytes
}

// Steps describes the steps in their order.
func (p *Plan) Steps() []StepInfo {
	var list []StepInfo
	for _, s := range p.steps {
		info := StepInfo{Operation: s.operation, Output: int64(p.bytes(s.node))}
		for _, n := range s.inputs {
			w, ok := n.Value().(*op.Weight)
			if packed := ok && w.Arg().Packed.Data != nil; packed || ok && info.Weight == nil {
				info.Weight, info.Name = w, n.Name()
			}
		}
		list = append(list, info)
	}
	return list
}

// order lists the operations depth first from the outputs, which keeps the
// lives of intermediate values short.
func (p *Plan) order() error {
	seen := make(map[*G.Node]bool)
	for _, n := range p.inputs {
		if n.Op() != nil {
			return fmt.Errorf("engine: input %v is computed by %v, want a node without an operation", n, n.Op())
		}
		seen[n] = true
	}
	var visit func(n *G.Node) error
	visit = func(n *G.Node) error {
		if seen[n] {
			return nil
		}
		seen[n] = true
		if n.Op() == nil || n.Op().Arity() == 0 {
			_, err := leaf(n)
			return err
		}
		children := childrenOf(n)
		for _, c := range children {
			if err := visit(c); err != nil {
				return err
			}
		}
		o, err := p.operationOf(n, children)
		if err != nil {
			return err
		}
		p.steps = append(p.steps, step{node: n, operation: o, inputs: children})
		return nil
	}
	for _, n := range p.outputs {
		if err := visit(n); err != nil {
			return err
		}
	}
	return nil
}

// leaf returns the value of a node that nothing computes: a weight, or a constant.
func leaf(n *G.Node) (op.Arg, error) {
	v := n.Value()
	if constant, ok := n.Op().(interface{ Value() G.Value }); ok {
		v = constant.Value()
	}
	if v == nil {
		return op.Arg{}, fmt.Errorf("engine: node %q has no value and is no input", n.Name())
	}
	arg, err := argOf(v)
	if err != nil {
		return op.Arg{}, fmt.Errorf("engine: node %q: %w", n.Name(), err)
	}
	return arg, nil
}

// argOf is op.ArgOf for scalars, too.
func argOf(v G.Value) (op.Arg, error) {
	if f, ok := v.(*G.F32); ok {
		return op.Arg{Data: []float32{f.Data().(float32)}}, nil
	}
	return op.ArgOf(v)
}

// operationOf returns a node's operation as the target does it. A weight that is not
// one of a model's is packed in every run.
func (p *Plan) operationOf(n *G.Node, inputs []*G.Node) (o op.Operation, err error) {
	if ours, ok := n.Op().(*op.Op); ok {
		o = ours.Operation
	} else if o, err = op.Foreign(n, inputs); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	if u, ok := o.(op.Unpacker); ok {
		if _, packed := inputs[1].Value().(*op.Weight); !packed {
			o = u.Unpacked()
		}
	}
	if o, err = p.target.Lower(o); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return o, nil
}

// bytes is the size of a node's value.
func (p *Plan) bytes(n *G.Node) int { return p.target.Element() * n.Shape().TotalSize() }

// childrenOf returns the inputs of a node in order.
func childrenOf(n *G.Node) []*G.Node {
	var children []*G.Node
	for it := n.Graph().From(n.ID()); it.Next(); {
		children = append(children, it.Node().(*G.Node))
	}
	return children
}

// fuse joins operations whose results nothing else reads.
func (p *Plan) fuse() {
	uses := make(map[*G.Node]int)
	for _, s := range p.steps {
		for _, in := range s.inputs {
			uses[in]++
		}
	}
	for _, n := range p.outputs {
		uses[n]++
	}

	at := make(map[*G.Node]int) // step that computes a node, in done
	var done []step
	for _, s := range p.steps {
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
	p.steps = slices.DeleteFunc(done, func(s step) bool { return s.operation == nil })
}

// fuseOne joins s and the latest step before it that can be joined with it, and
// returns that step's index.
func (p *Plan) fuseOne(s step, uses map[*G.Node]int, at map[*G.Node]int, done []step) (fused step, prev int, ok bool) {
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
				fused = step{node: s.node, operation: o, inputs: append(slices.Clone(before.inputs), others...)}
				prev, ok = i, true
				continue
			}
		}
		if f, can := s.operation.(op.InputFuser); can {
			if o, can := f.FuseInput(p.target, before.operation, arg); can {
				inputs := slices.Clone(s.inputs)
				inputs[arg] = before.inputs[0]
				fused = step{node: s.node, operation: o, inputs: inputs}
				prev, ok = i, true
			}
		}
	}
	return fused, prev, ok
}

// place gives every value that is computed, and every input, its part of the
// arena, such that no two values that are needed at the same time overlap.
func (p *Plan) place() {
	// The last step that reads each node; outputs are read at the end.
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
	for i, s := range p.steps {
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
		last[rootOf(n)] = len(p.steps)
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
	works := make([]int, len(p.steps))
	for i, s := range p.steps {
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
	for i, s := range p.steps {
		if size := p.target.Work(s.operation); size > 0 {
			p.steps[i].work = place{lives[works[i]].offset, size}
		}
	}
	p.steps = slices.DeleteFunc(p.steps, func(s step) bool { return root[s.node] != s.node })
}

// overwritten returns the root of an input that step i may write over: it lies
// in the arena, has the output's size or may shrink, and nothing reads it later.
func (p *Plan) overwritten(s step, i int, rootOf func(*G.Node) *G.Node, buffer map[*G.Node]int, last map[*G.Node]int) (*G.Node, bool) {
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

// life is a buffer that is needed from step begin to step end.
type life struct{ begin, end, size, offset int }

// pack sets the offsets, multiples of align, and returns the size of the arena. All is
// in bytes. The largest buffer
// comes first; each goes into the tightest gap between those that live at the
// same time.
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
