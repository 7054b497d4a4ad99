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
//	NewPlan              orders the nodes that the outputs need: an action each
//	op.Target.Lower      lets the target choose the algorithm: here there is one
//	op.linear.Fuse       takes an activation and a residual that follow into itself
//	Plan.round           keeps x in bfloat16 if only such products read it
//	Plan.place           gives inputs, output and scratch their bytes in one arena
//	NewMachine           binds the plan to memory: op.linear.Phases returns
//	kernel.Gemm          a kernel.Phase: tasks of some rows and panels of columns
//	team.run             spreads the tasks over goroutines
//	kernel.product.run   multiplies tile by tile: 12 rows, 32 columns
//	kernel.multiply      calls the assembly of a tile for this processor
//	gemm_avx512_amd64.s  which _asm/gemm generates; gemm.go has it in plain Go
//	Epilogue.store       adds bias and residual while the tile is in cache
//
// A new operation is a file in op, and one in kernel for its work: no list names it.
// A row in op's table of tests compares it on every machine.
package engine

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"

	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/op"
)

// Options configure an engine. The zero value is the default.
type Options struct {
	// Threads is the number of goroutines of a run. Zero means GOMAXPROCS.
	Threads int
	// MaxMemory limits the bytes of weights and of what calls hold. Zero means the
	// memory of the machine or its container.
	MaxMemory int64
	// Idle is how many bytes machines may keep between runs. Zero means 256 MB.
	Idle int64
	// Device is where plans run, and their values and weights lie. Nil means the
	// processor. The engine closes it.
	Device device.Device
	// Paper says that plans are made, and nothing is computed: weights get addresses alone,
	// see Paper, and the machine's memory is no limit.
	Paper bool
	// Trace, if not nil, is called after every operation with the time that
	// it took; of lanes side by side, its share of that time, and by each of them.
	Trace func(o op.Operation, d time.Duration)
}

// Engine owns the memory of a model, or of several that run in turn. It is safe
// for concurrent use.
type Engine struct {
	Memory  Memory
	threads int
	device  device.Device // nil: the processor
	paper   bool
	trace   func(o op.Operation, d time.Duration)

	mu          sync.Mutex
	queue       []*Claim // calls that wait to begin, by arrival
	claims      []*Claim // calls that have begun
	held, small int64    // bytes that they hold until they end

	waiting        []*Turn // by arrival
	turns          int     // that have begun
	taken, scratch int64   // bytes that they take, and of the kernels' scratch beside

	idle                  []*Machine // the longest unused first
	idleLimit             int64
	idleBytes, idleArenas int64

	bound   bound      // turns that hold memory of the device
	binding sync.Mutex // held while one takes some
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
	e := &Engine{threads: o.Threads, device: o.Device, idleLimit: cmp.Or(o.Idle, idleLimit), trace: o.Trace, paper: o.Paper}
	e.Memory.limit, e.Memory.chosen = o.MaxMemory, o.MaxMemory > 0
	if !e.Memory.chosen {
		e.Memory.limit = machineMemory()
		if e.paper {
			e.Memory.limit = math.MaxInt64
		}
	}
	if e.device != nil {
		e.limitToDevice()
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
	return e.Memory.alone(p.Bytes()+extra, what)
}

// Close gives the memory of idle machines back.
func (e *Engine) Close() {
	e.dropIf(func(*Machine) bool { return true })
	if e.device != nil {
		e.device.Close()
	}
}

// Run computes the plan's outputs from inputs given in order and copies them to
// outputs: in the turn that ctx carries, or in one of its own, for which it waits. Slots are
// what the plan's slots hold, which must not change.
// When ctx is done it returns ctx's error within the time of a task, see [Machine.Run].
func (e *Engine) Run(ctx context.Context, p *Plan, inputs, outputs [][]float32, slots ...op.Arg) error {
	ctx, end, err := e.Begin(ctx, Need{What: arenaUse, Turn: p.Bytes(), Short: true}, p)
	if err != nil {
		return err
	}
	defer end()
	return turnOf(ctx).run(ctx, p, inputs, outputs, slots)
}

// Tensor returns a float32 tensor over data.
func Tensor(data []float32, shape ...int) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
}
