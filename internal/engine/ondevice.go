package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// Device returns where plans run, or nil for the processor.
func (e *Engine) Device() device.Device { return e.device }

// limitToDevice lowers the limit on memory to a device's. It holds for what lies there
// and for what calls hold on the host, together.
func (e *Engine) limitToDevice() {
	most := e.device.Memory() / 20 * 19
	if !e.Memory.chosen {
		e.Memory.limit = most
	}
	e.Memory.limit = min(e.Memory.limit, most)
}

// AllocDevice returns memory of the device, or a *MemoryError.
func (e *Engine) AllocDevice(bytes int64, what string) (*Block, error) {
	if err := e.Memory.reserve(bytes, what); err != nil {
		return nil, err
	}
	release := func() { e.Memory.release(bytes) }
	block, err := newDeviceBlock(e.device, bytes, release)
	if errors.Is(err, device.ErrMemory) && e.dropIdle() {
		block, err = newDeviceBlock(e.device, bytes, release)
	}
	if err != nil {
		e.Memory.release(bytes)
		return nil, fmt.Errorf("engine: %s: %w", what, err)
	}
	return block, nil
}

// newDeviceBlock returns memory of a device that is counted already.
func newDeviceBlock(d device.Device, bytes int64, release func()) (*Block, error) {
	ptr, err := d.Alloc(max(bytes, 1))
	if err != nil {
		return nil, err
	}
	var once sync.Once
	return &Block{Ptr: ptr, size: bytes, free: func() {
		once.Do(func() {
			d.Free(ptr)
			if release != nil {
				release()
			}
		})
	}}, nil
}

// onDevice is a plan bound to a device's memory. Inputs and outputs are float32s in a
// staging area behind the arena; the first launches convert the inputs to the target's
// type, and the last ones the outputs from it.
type onDevice struct {
	sequence device.Sequence
	host     []func() // work on the processor that comes before
}

// stage counts the staging area.
func (p *Plan) stage() {
	add := func(n *G.Node) { p.staging += staged(n) }
	for _, n := range p.inputs {
		add(n)
	}
	for _, s := range p.actions {
		if _, ok := s.operation.(op.Hoster); ok {
			add(s.node)
		}
	}
	for _, n := range p.outputs {
		add(n)
	}
}

// staged is the bytes of a node's float32s in the staging area.
func staged(n *G.Node) int {
	const align = 256
	return (float*n.Shape().TotalSize() + align - 1) / align * align
}

// bindDevice binds the plan to memory of a device.
func (p *Plan) bindDevice(d device.Device) (_ *Machine, err error) {
	arena, err := newDeviceBlock(d, p.Bytes(), nil)
	if err != nil {
		return nil, fmt.Errorf("engine: %s: %w", arenaUse, err)
	}
	b := p.binder(arena.Ptr)
	if err := b.bind(); err != nil {
		arena.Free()
		return nil, err
	}
	m := &Machine{plan: p, arena: arena, device: &onDevice{}}
	if m.device.sequence, err = d.Prepare(b.inputs, b.outputs, b.launches); err != nil {
		arena.Free()
		return nil, fmt.Errorf("engine: %w", err)
	}
	for _, h := range b.host {
		m.device.host = append(m.device.host, h.on(m.device.sequence))
	}
	return m, nil
}

// run runs the plan.
func (d *onDevice) run(ctx context.Context) error {
	for _, work := range d.host {
		work()
	}
	if err := d.sequence.Run(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("engine: %w", err)
	}
	return nil
}

// binder lists the launches of a plan.
type binder struct {
	plan            *Plan
	target          device.Target
	base, next      device.Ptr // of the arena; of what is free of the staging area
	float           map[*G.Node]device.Ptr
	input           map[*G.Node]int // index in inputs
	inputs, outputs []device.Span
	launches        []device.Launch
	host            []hostWork
}

// binder returns a binder of the plan to memory from base on.
func (p *Plan) binder(base device.Ptr) *binder {
	return &binder{plan: p, target: p.target.(op.Device).Target, base: base,
		next: base + device.Ptr(p.arena), float: make(map[*G.Node]device.Ptr), input: make(map[*G.Node]int)}
}

// Launches returns the launches of each action, in the order of Actions, with addresses
// of no memory. The plan's is a device's, and its weights are loaded.
func (p *Plan) Launches() (list [][]device.Launch, err error) {
	b := p.binder(1 << 62)
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

// upload gives a node's float32s their place, and converts them into the arena.
func (b *binder) upload(n *G.Node) {
	size := n.Shape().TotalSize()
	b.float[n], b.input[n] = b.next, len(b.inputs)
	b.inputs = append(b.inputs, device.Span{Ptr: b.next, N: size})
	b.launches = append(b.launches, device.Narrow(b.target, b.at(b.plan.places[n]), b.next, size))
	b.next += device.Ptr(staged(n))
}

func (b *binder) at(p place) device.Ptr { return b.base + device.Ptr(p.offset) }

// value is where a node's value lies.
func (b *binder) value(n *G.Node) (device.Ptr, error) {
	if p, ok := b.plan.places[n]; ok {
		return b.at(p), nil
	}
	arg, err := leaf(n)
	if err == nil && arg.Device == 0 {
		err = fmt.Errorf("node %q: have a value on the processor, want one on the device", n.Name())
	}
	return arg.Device, err
}

func (b *binder) action(s action) error {
	if h, ok := s.operation.(op.Hoster); ok {
		return b.onHost(h, s)
	}
	floats, _ := s.operation.(op.Floater)
	in := make([]device.Ptr, len(s.inputs))
	for i, n := range s.inputs {
		at, err := b.value(n)
		if floats != nil && floats.Floats(i) {
			at, err = b.floats(n, i)
		}
		if err != nil {
			return err
		}
		in[i] = at
	}
	l := s.operation.(op.Launcher)
	b.launches = append(b.launches, l.Launches(b.target, b.at(b.plan.places[s.node]), in, b.at(s.work))...)
	return nil
}

// floats is where the float32s of input i of an action lie: of one of the plan's, or of a
// weight of one dimension.
func (b *binder) floats(n *G.Node, i int) (device.Ptr, error) {
	if at := b.float[viewed(n)]; at != 0 {
		return at, nil
	}
	if arg, err := leaf(n); err == nil && arg.Device != 0 && n.Dims() == 1 {
		return arg.Device, nil
	}
	return 0, fmt.Errorf("input %d is computed, want one of the plan's or a weight of one dimension", i)
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
