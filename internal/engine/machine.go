package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/op"
)

// Machine is a plan bound to memory. It implements gorgonia.VM. One goroutine
// may use it at a time.
type Machine struct {
	plan    *Plan
	arena   *Block
	device  *onDevice // nil on the processor
	jobs    [][]*job  // by action; nil while it is bound to no slots, and on a device
	slots   []op.Arg  // what the plan's slots hold
	scratch int       // float32s that a member of the team needs
	members [][]float32
	threads int
	trace   func(o op.Operation, d time.Duration) // may be nil
	settled bool                                  // the arena holds the steady values of the inputs there

	mu     sync.Mutex // held by RunAll and Close
	closed bool
}

var _ G.VM = (*Machine)(nil)

// arenaUse is what an arena is for.
const arenaUse = "the space for intermediate values"

// NewMachine binds the plan to memory of its own. A run uses threads
// goroutines; zero means GOMAXPROCS.
func (p *Plan) NewMachine(memory *Memory, threads int) (*Machine, error) {
	arena, err := memory.Alloc(p.arena/float, arenaUse)
	if err != nil {
		return nil, err
	}
	return p.bind(arena, threads, nil)
}

// bind binds the plan to an arena, which it takes over, and to what its slots hold.
func (p *Plan) bind(arena *Block, threads int, slots []op.Arg) (*Machine, error) {
	m, err := p.bound(arena, threads, slots)
	if err == nil {
		p.scratch.Store(int64(m.scratch))
	}
	return m, err
}

// bound is bind that leaves no trace in the plan.
func (p *Plan) bound(arena *Block, threads int, slots []op.Arg) (_ *Machine, err error) {
	m := &Machine{plan: p, arena: arena, threads: threads, slots: slots}
	team := cmp.Or(threads, runtime.GOMAXPROCS(0))
	for _, s := range p.actions {
		in := make([]op.Arg, len(s.inputs))
		for i, n := range s.inputs {
			if in[i], err = m.arg(n); err != nil {
				arena.Free()
				return nil, err
			}
		}
		var jobs []*job
		for _, phase := range s.operation.(op.Phaser).Phases(m.data(s.node), in, m.at(s.work)) {
			phase = phase.For(team)
			jobs = append(jobs, &job{Phase: phase})
			m.scratch = max(m.scratch, phase.Scratch)
		}
		m.jobs = append(m.jobs, jobs)
	}
	return m, nil
}

// arenaBytes is the memory of the arena: what the plan needs, or more if it was
// another machine's before.
func (m *Machine) arenaBytes() int64 { return m.arena.bytes() }

// bytes is the memory that the machine holds: the arena and the members' scratch,
// which for a small arena may be larger.
func (m *Machine) bytes() int64 {
	return m.arenaBytes() + 4*int64(len(m.members))*int64(m.scratch)
}

// float is the bytes of a float32, as the processor has all numbers.
const float = 4

// at returns a part of the arena.
func (m *Machine) at(p place) []float32 {
	from, to := p.offset/float, (p.offset+p.size)/float
	return m.arena.Data[from:to:to]
}

// data returns the memory of an input or computed node.
func (m *Machine) data(n *G.Node) []float32 { return m.at(m.plan.places[n]) }

func (m *Machine) arg(n *G.Node) (op.Arg, error) {
	if p, ok := m.plan.places[n]; ok {
		return op.Arg{Data: m.at(p)}, nil
	}
	arg, err := leafOf(n, m.slots)
	if err == nil && arg.Device != 0 {
		err = fmt.Errorf("engine: node %q: have a weight on a device, want one on the processor", n.Name())
	}
	return arg, err
}

// Input returns the memory of input i. Fill it before every run: a run may
// overwrite it.
func (m *Machine) Input(i int) []float32 {
	if m.device != nil {
		return m.device.sequence.Input(i)
	}
	return m.data(m.plan.inputs[i])
}

// Output returns the memory of output i, valid until the next run.
func (m *Machine) Output(i int) []float32 {
	if m.device != nil {
		return m.device.sequence.Output(i)
	}
	return m.data(m.plan.outputs[i])
}

// Run computes the outputs. When ctx is done it returns ctx's error within the
// time of a task, about a millisecond. It allocates nothing that grows with
// the model, and no goroutine is left when it returns.
func (m *Machine) Run(ctx context.Context) error {
	m.settled = false
	return m.run(ctx, false)
}

// run is Run that may skip the steady actions.
func (m *Machine) run(ctx context.Context, skip bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.device != nil {
		return m.device.run(ctx)
	}
	threads := m.threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	for len(m.members) < threads {
		m.members = append(m.members, make([]float32, m.scratch))
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // see team
	t := startTeam(threads, m.members)
	defer t.stop()
	defer context.AfterFunc(ctx, func() { t.cancel.Store(true) })()
	for i, jobs := range m.jobs {
		if skip && m.plan.actions[i].steady {
			continue
		}
		var begin time.Time
		if m.trace != nil {
			begin = time.Now()
		}
		for _, j := range jobs {
			if err := t.run(j); err != nil {
				return fmt.Errorf("%w (in %v)", err, m.plan.actions[i].operation)
			}
		}
		if t.cancel.Load() {
			return ctx.Err()
		}
		if m.trace != nil {
			m.trace(m.plan.actions[i].operation, time.Since(begin))
		}
	}
	return nil
}

// RunAll implements gorgonia.VM: it takes the inputs from the values bound to
// their nodes, and binds the results to the outputs' nodes. Those lie in the
// machine's memory and are valid until the next run or Close.
func (m *Machine) RunAll() error {
	if !m.mu.TryLock() {
		return errors.New("engine: machine: called while another call runs, want one call after the other")
	}
	defer m.mu.Unlock()
	if m.closed {
		return errors.New("engine: machine: have one that is closed")
	}
	release, err := op.Hold(m.leaves()...)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	defer release()
	for i, n := range m.plan.inputs {
		if n.Value() == nil {
			return fmt.Errorf("engine: input %q has no value", n.Name())
		}
		arg, err := argOf(n.Value())
		if err != nil {
			return fmt.Errorf("engine: input %q: %w", n.Name(), err)
		}
		if have, want := len(arg.Data), n.Shape().TotalSize(); have != want {
			return fmt.Errorf("engine: input %q: have %d elements, want %d", n.Name(), have, want)
		}
		copy(m.Input(i), arg.Data)
	}
	if err := m.Run(context.Background()); err != nil {
		return err
	}
	for i, n := range m.plan.outputs {
		if n.Op() == nil || n.Op().Arity() == 0 { // nothing computes it: it has its value
			continue
		}
		var v G.Value
		if n.IsScalar() {
			v = G.NewF32(m.Output(i)[0])
		} else {
			v = tensor.New(tensor.WithShape(n.Shape()...), tensor.WithBacking(m.Output(i)))
		}
		if err := G.UnsafeLet(n, v); err != nil {
			return fmt.Errorf("engine: output %v: %w", n, err)
		}
	}
	return nil
}

// leaves returns the values of nodes that nothing computes.
func (m *Machine) leaves() (values []G.Value) {
	for _, s := range m.plan.actions {
		for _, n := range s.inputs {
			if n.Op() == nil {
				values = append(values, n.Value())
			}
		}
	}
	return values
}

// Reset implements gorgonia.VM. A machine is always ready to run again.
func (m *Machine) Reset() {}

// Close implements gorgonia.VM. It waits for a run and gives the machine's memory back.
func (m *Machine) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.jobs, m.closed = nil, true
	if m.device != nil {
		m.device.sequence.Close()
	}
	m.arena.Free()
	return nil
}
