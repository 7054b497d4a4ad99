// Package engine runs the models' graphs: it plans a graph once for each shape
// of its inputs and runs the plan on the processor, on as many goroutines as
// asked for.
//
// The way of one linear layer, from a model to the processor's instructions:
//
//	nn.Params.Linear     asks the checkpoint for weight [out in] and bias [out]
//	nn.Linear.Forward    takes their nodes and calls
//	op.Linear            which checks the shapes and adds a node with the operation
//	op.linear            {m, in, out}: its String, Cost, Derive, Fuse, Work and Phases
//	                     are all that is known of it, in one file
//	NewPlan              orders the nodes that the outputs need
//	op.Target.Lower      lets the target choose the algorithm: here there is one
//	op.linear.Fuse       takes an activation and a residual that follow into itself
//	Plan.place           gives inputs, output and scratch their bytes in one arena
//	NewMachine           binds the plan to memory: op.linear.Phases returns
//	kernel.Gemm          a kernel.Phase: tasks of some rows and panels of columns
//	team.run             spreads the tasks over goroutines
//	kernel.product.run   multiplies tile by tile: 12 rows, 32 columns
//	kernel.multiply      calls the tile's kernel for this processor
//	gemm_avx512_amd64.s  which _asm/gemm generates; gemm.go has it in plain Go
//	Epilogue.store       adds bias and residual while the tile is in cache
//
// A new operation is a file in op, and one in kernel for its work: no list names it.
// A row in op's table of tests compares it on every machine.
package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/op"
)

// An engine keeps machines between runs, up to idleLimit bytes and idleMachines.
const (
	idleLimit    = 256 << 20
	idleMachines = 32
)

// Options configure an engine. The zero value is the default.
type Options struct {
	// Threads is the number of goroutines of a run. Zero means GOMAXPROCS.
	Threads int
	// MaxMemory limits the bytes of weights and intermediate values. Zero
	// means the machine's memory.
	MaxMemory int64
	// Trace, if not nil, is called after every operation with the time that
	// it took.
	Trace func(o op.Operation, d time.Duration)
}

// Engine owns the memory of a model, or of several that run in turn. It is safe
// for concurrent use.
type Engine struct {
	Memory  Memory
	threads int
	trace   func(o op.Operation, d time.Duration)

	mu        sync.Mutex
	idle      []*Machine // the longest unused first
	idleBytes int64
	arenas    int64         // bytes of all machines, idle and running
	released  chan struct{} // closed when a run ends
}

// New returns an engine. Options may be nil.
func New(o *Options) (*Engine, error) {
	if o == nil {
		o = &Options{}
	}
	if o.Threads < 0 || o.Threads > 1024 {
		return nil, fmt.Errorf("engine: have %d threads, want 0 (all) to 1024", o.Threads)
	}
	if o.MaxMemory < 0 {
		return nil, fmt.Errorf("engine: have a memory limit of %d bytes, want 0 (the machine's memory) or more", o.MaxMemory)
	}
	e := &Engine{threads: o.Threads, trace: o.Trace, released: make(chan struct{})}
	e.Memory.limit, e.Memory.chosen = o.MaxMemory, o.MaxMemory > 0
	if !e.Memory.chosen {
		e.Memory.limit = machineMemory()
	}
	return e, nil
}

// Threads is the number of goroutines of a run.
func (e *Engine) Threads() int {
	if e.threads == 0 {
		return runtime.GOMAXPROCS(0)
	}
	return e.threads
}

// Limited says whether the limit on memory is the caller's own, not the machine's.
func (e *Engine) Limited() bool { return e.Memory.chosen }

// Check reports as a *MemoryError that a machine for the plan, and extra bytes
// that the caller needs, would not fit into the engine's memory beside the weights.
func (e *Engine) Check(p *Plan, extra int64, what string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.Memory.check(p.Bytes()+extra, e.arenas, what)
}

// acquire returns an idle machine of the plan or a new one. If other runs hold
// the memory for it, it waits for them; a run holds one machine, so that this
// ends.
func (e *Engine) acquire(ctx context.Context, p *Plan) (*Machine, error) {
	for {
		m, wait, err := e.tryAcquire(p)
		if wait == nil {
			return m, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tryAcquire returns a machine, or an error, or what to wait for.
func (e *Engine) tryAcquire(p *Plan) (*Machine, <-chan struct{}, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, m := range e.idle {
		if m.plan == p {
			e.forget(i)
			return m, nil, nil
		}
	}
	for i := len(e.idle) - 1; i >= 0; i-- {
		if e.idle[i].plan.dropped.Load() {
			e.drop(i)
		}
	}
	m, err := e.newMachine(p)
	if err == nil {
		m.trace = e.trace
		e.arenas += m.arenaBytes()
		return m, nil, nil
	}
	var limit *MemoryError
	if errors.As(err, &limit) && e.Memory.check(p.Bytes(), e.arenas, "") == nil {
		return nil, e.released, nil
	}
	return nil, nil, err
}

// newMachine returns a machine of the plan. If it and the idle ones are too many,
// it takes over the arena of one that is large enough: plans that run in turn
// would else wait for fresh pages each time. Failing that, it drops idle ones.
func (e *Engine) newMachine(p *Plan) (*Machine, error) {
	full := func() bool { return e.idleBytes+p.Bytes() > idleLimit || e.Memory.check(p.Bytes(), 0, "") != nil }
	if full() {
		for i, m := range e.idle {
			if m.arenaBytes() >= p.Bytes() && m.arenaBytes() <= 2*p.Bytes() {
				e.forget(i)
				e.arenas -= m.arenaBytes()
				return p.bind(m.arena, e.threads)
			}
		}
	}
	for len(e.idle) > 0 && full() {
		e.drop(0)
	}
	return p.NewMachine(&e.Memory, e.threads)
}

// forget takes machine i off the idle ones.
func (e *Engine) forget(i int) {
	e.idleBytes -= e.idle[i].bytes()
	e.idle = slices.Delete(e.idle, i, i+1)
}

// drop gives the memory of idle machine i back.
func (e *Engine) drop(i int) {
	m := e.idle[i]
	e.forget(i)
	e.close(m)
}

func (e *Engine) close(m *Machine) {
	e.arenas -= m.arenaBytes()
	m.Close()
}

// release keeps the machine for the next run of its plan, unless it is large or
// its plan is no longer cached, and wakes the runs that wait for memory. Machines
// that were not used for longer give way.
func (e *Engine) release(m *Machine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.plan.dropped.Load() || m.bytes() > 4*idleLimit {
		e.close(m)
	} else {
		for len(e.idle) > 0 && (e.idleBytes+m.bytes() > idleLimit || len(e.idle) >= idleMachines) {
			e.drop(0)
		}
		e.idle = append(e.idle, m)
		e.idleBytes += m.bytes()
	}
	close(e.released)
	e.released = make(chan struct{})
}

// Close gives the memory of idle machines back.
func (e *Engine) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.idle) > 0 {
		e.drop(0)
	}
}

// Run computes the plan's outputs from inputs given in order and copies them to
// outputs. See [Machine.Run] about ctx.
func (e *Engine) Run(ctx context.Context, p *Plan, inputs, outputs [][]float32) error {
	m, err := e.acquire(ctx, p)
	if err != nil {
		return err
	}
	defer e.release(m)
	for i, in := range inputs {
		if have, want := len(in), len(m.Input(i)); have != want {
			return fmt.Errorf("engine: input %d: have %d elements, want %d", i, have, want)
		}
		copy(m.Input(i), in)
	}
	if err := m.Run(ctx); err != nil {
		return err
	}
	for i, out := range outputs {
		copy(out, m.Output(i))
	}
	return nil
}

// planLimit is how many plans a cache keeps: a plan is a megabyte at most.
const planLimit = 16

// Plans caches a model's plans by the shapes of its inputs. The zero value is
// empty. It is safe for concurrent use.
type Plans struct {
	mu    sync.Mutex
	plans map[any]*Plan
	used  []any // keys, the longest unused first
}

// Get returns the plan for the key, building it if need be.
func (c *Plans) Get(key any, build func() (inputs, outputs []*G.Node, err error)) (*Plan, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, k := range c.used {
		if k == key {
			c.used = append(append(c.used[:i:i], c.used[i+1:]...), key)
			return c.plans[key], nil
		}
	}
	inputs, outputs, err := build()
	if err != nil {
		return nil, err
	}
	p, err := NewPlan(inputs, outputs)
	if err != nil {
		return nil, err
	}
	if c.plans == nil {
		c.plans = make(map[any]*Plan)
	}
	if len(c.used) == planLimit {
		c.plans[c.used[0]].dropped.Store(true)
		delete(c.plans, c.used[0])
		c.used = c.used[1:]
	}
	c.plans[key] = p
	c.used = append(c.used, key)
	return p, nil
}

// Tensor returns a float32 tensor over data.
func Tensor(data []float32, shape ...int) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
}

// Forget empties the cache and drops the idle machines of its plans.
func (e *Engine) Forget(c *Plans) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.plans {
		p.dropped.Store(true)
	}
	c.plans, c.used = nil, nil
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := len(e.idle) - 1; i >= 0; i-- {
		if e.idle[i].plan.dropped.Load() {
			e.drop(i)
		}
	}
}
