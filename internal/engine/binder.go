package engine

import (
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// binder lists the launches of a plan.
type binder struct {
	plan            *Plan
	target          device.Target
	base, next      device.Ptr // of the arena; of what is free of the staging area
	float           map[*G.Node]device.Ptr
	narrow          map[*G.Node]bool // inputs that are read in the target's type
	input           map[*G.Node]int  // index in inputs
	slots           []op.Arg
	inputs, outputs []device.Span
	launches        []device.Launch
	host            []hostWork
}

// binder returns a binder of the plan to memory from base on.
func (p *Plan) binder(base device.Ptr, slots []op.Arg) *binder {
	return &binder{plan: p, target: p.target.(op.Device).Target, base: base, next: base + device.Ptr(p.arena),
		float: make(map[*G.Node]device.Ptr), narrow: p.narrowed(), input: make(map[*G.Node]int), slots: slots}
}

// narrowed are the nodes, inputs among them, that something reads in the target's type.
func (p *Plan) narrowed() map[*G.Node]bool {
	read := make(map[*G.Node]bool)
	for _, s := range p.actions {
		if _, ok := s.operation.(op.Hoster); ok {
			continue
		}
		for i, n := range s.inputs {
			if !floats(s.operation, i) {
				read[viewed(n)] = true
			}
		}
	}
	for _, n := range p.outputs {
		read[viewed(n)] = true
	}
	return read
}

// floats says whether an operation reads an input as float32s.
func floats(o op.Operation, i int) bool {
	f, ok := o.(op.Floater)
	return ok && f.Floats(i)
}

// Launches returns the launches of each action, in the order of Actions, with addresses
// of no memory. The plan's is a device's, and its weights are loaded.
func (p *Plan) Launches() (list [][]device.Launch, err error) {
	b := p.binder(1<<62, nil)
	for _, n := range p.inputs {
		b.upload(n)
	}
	for _, s := range p.actions {
		b.launches = nil
		if err := b.action(s); err != nil {
			return nil, fmt.Errorf("engine: %v: %w", s.operation, err)
		}
		list = append(list, b.launches)
	}
	return list, nil
}

// hostWork is an action that the processor does, whose output is a further input.
type hostWork struct {
	operation op.Phaser
	in        []int
	out       int
}

func (h hostWork) on(s device.Sequence) func() {
	in := make([]op.Arg, len(h.in))
	for i, at := range h.in {
		in[i] = op.Arg{Data: s.Input(at)}
	}
	work := make([]float32, h.operation.Work())
	return func() { kernel.Serial(h.operation.Phases(s.Input(h.out), in, work)...) }
}

func (b *binder) bind() error {
	for _, n := range b.plan.inputs {
		b.upload(n)
	}
	for _, s := range b.plan.actions {
		if err := b.action(s); err != nil {
			return fmt.Errorf("engine: %v: %w", s.operation, err)
		}
	}
	for _, n := range b.plan.outputs {
		at, err := b.value(n)
		if err != nil {
			return fmt.Errorf("engine: output %v: %w", n, err)
		}
		size := n.Shape().TotalSize()
		b.launches = append(b.launches, device.Widen(b.target, b.next, at, size))
		b.outputs = append(b.outputs, device.Span{Ptr: b.next, N: size})
		b.next += device.Ptr(staged(n))
	}
	return nil
}

// upload gives a node's float32s their place, and converts them into the arena if they are
// read there.
func (b *binder) upload(n *G.Node) {
	size := n.Shape().TotalSize()
	b.float[n], b.input[n] = b.next, len(b.inputs)
	b.inputs = append(b.inputs, device.Span{Ptr: b.next, N: size})
	if b.narrow[n] {
		b.launches = append(b.launches, device.Narrow(b.target, b.at(b.plan.places[n]), b.next, size))
	}
	b.next += device.Ptr(staged(n))
}

func (b *binder) at(p place) device.Ptr { return b.base + device.Ptr(p.offset) }

// value is where a node's value lies.
func (b *binder) value(n *G.Node) (device.Ptr, error) {
	if p, ok := b.plan.places[n]; ok {
		return b.at(p), nil
	}
	arg, err := leafOf(n, b.slots)
	if err == nil && arg.Device == 0 {
		err = fmt.Errorf("node %q: have a value on the processor, want one on the device", n.Name())
	}
	return arg.Device, err
}

// floatValue is where a node's float32s lie.
func (b *binder) floatValue(n *G.Node) (device.Ptr, error) {
	if at, ok := b.float[viewed(n)]; ok {
		return at, nil
	}
	if _, ok := b.plan.places[n]; ok || n.Dims() != 1 {
		return 0, errors.New("have one that is computed or no vector, want one of the plan's or a weight [C]")
	}
	return b.value(n)
}

func (b *binder) action(s action) (err error) {
	if h, ok := s.operation.(op.Hoster); ok {
		return b.onHost(h, s)
	}
	in := make([]device.Ptr, len(s.inputs))
	for i, n := range s.inputs {
		if floats(s.operation, i) {
			in[i], err = b.floatValue(n)
		} else {
			in[i], err = b.value(n)
		}
		if err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
	}
	l := s.operation.(op.Launcher)
	b.launches = append(b.launches, l.Launches(b.target, b.at(b.plan.places[s.node]), in, b.at(s.work))...)
	return nil
}

// onHost lists work of the processor.
func (b *binder) onHost(h op.Hoster, s action) error {
	work := hostWork{operation: h, out: len(b.inputs)}
	for i, n := range s.inputs {
		at, ok := b.input[viewed(n)]
		if !ok {
			return fmt.Errorf("input %d is computed, want one of the plan's", i)
		}
		work.in = append(work.in, at)
	}
	b.host = append(b.host, work)
	b.upload(s.node)
	return nil
}

// viewed is the node whose numbers a node has in another shape, or the node.
func viewed(n *G.Node) *G.Node {
	for {
		o, ok := n.Op().(*op.Op)
		if !ok {
			return n
		}
		if _, ok := o.Operation.(op.Viewer); !ok {
			return n
		}
		n = childrenOf(n)[0]
	}
}
