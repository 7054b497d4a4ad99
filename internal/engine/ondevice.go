package engine

import (
	"context"
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/device"
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
	b := &Block{Ptr: ptr, size: bytes}
	b.freeOnce(func() { d.Free(ptr) }, release)
	return b, nil
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

// bindDevice binds the plan to memory of a device, and to what its slots hold.
func (p *Plan) bindDevice(d device.Device, slots []op.Arg) (_ *Machine, err error) {
	arena, err := newDeviceBlock(d, p.Bytes(), nil)
	if err != nil {
		return nil, fmt.Errorf("engine: %s: %w", arenaUse, err)
	}
	b := p.binder(arena.Ptr, slots)
	if err := b.bind(); err != nil {
		arena.Free()
		return nil, err
	}
	m := &Machine{plan: p, arena: arena, device: &onDevice{}, slots: slots}
	if m.device.sequence, err = d.Prepare(b.inputs, b.outputs, b.launches); err != nil {
		arena.Free()
		return nil, fmt.Errorf("engine: %w", err)
	}
	for _, h := range b.host {
		m.device.host = append(m.device.host, h.on(m.device.sequence))
	}
	return m, nil
}

// refill binds a machine of a device to other weights in its slots.
func (m *Machine) refill(slots []op.Arg) error {
	b := m.plan.binder(m.arena.Ptr, slots)
	if err := b.bind(); err != nil {
		return err
	}
	if err := m.device.sequence.Replace(b.launches); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	m.slots = slots
	return nil
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
