package engine

import (
	"fmt"
	"slices"
	"sync/atomic"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

// Plan is a graph made ready to run: its actions in order, and the place of every
// value in one arena. It is immutable and safe for concurrent use; each concurrent
// run has a [Machine] of its own.
type Plan struct {
	inputs, outputs []*G.Node
	target          op.Target
	actions         []action
	rounded         map[*G.Node]bool // values that are bfloat16, whatever the target's type
	steady          map[*G.Node]bool // values that depend on steady inputs alone; nil if none does
	places          map[*G.Node]place
	arena           int          // bytes
	staging         int          // bytes beside it, of a device's float32 inputs and outputs
	scratch         atomic.Int64 // float32s for each thread; 0 before the first machine
	dropped         atomic.Bool  // no longer cached: its machines are not kept
}

// action is one operation to run: of one node, or of several that were joined.
type action struct {
	node      *G.Node // whose value it computes
	operation op.Operation
	inputs    []*G.Node
	work      place
	steady    bool // it may be skipped: see settle
}

// place is a part of the arena, in bytes.
type place struct{ offset, size int }

// NewPlan plans the computation of outputs from inputs on the processor.
func NewPlan(inputs, outputs []*G.Node) (*Plan, error) {
	return NewPlanFor(op.CPU{}, inputs, outputs)
}

// NewPlanFor plans the computation of outputs from inputs, which are nodes without
// an operation, on a target. Every other such node must hold its value: the weights. Of
// the inputs that have one of the names the numbers seldom change from run to run.
func NewPlanFor(target op.Target, inputs, outputs []*G.Node, steady ...string) (*Plan, error) {
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
	p.round()
	p.settle(steady)
	p.place()
	if _, ok := target.(op.Device); ok {
		p.stage()
	}
	return p, nil
}

// Inputs returns the names of the inputs' nodes in their order.
func (p *Plan) Inputs() []string {
	names := make([]string, len(p.inputs))
	for i, n := range p.inputs {
		names[i] = n.Name()
	}
	return names
}

// Bytes is the memory that one machine of the plan needs. A nil plan needs none.
func (p *Plan) Bytes() int64 {
	if p == nil {
		return 0
	}
	return int64(p.arena + p.staging)
}

// scratchBytes is what kernels on a number of threads need beside it.
func (p *Plan) scratchBytes(threads int) int64 {
	if p == nil {
		return 0
	}
	return float * p.scratch.Load() * int64(threads)
}

// ActionInfo describes an action of a plan.
type ActionInfo struct {
	Operation op.Operation
	Weight    *op.Weight // the packed one that it reads, or else the first, or nil
	Name      string     // of that weight's node
	Output    int64      // bytes
}

// Actions describes the actions in their order.
func (p *Plan) Actions() []ActionInfo {
	var list []ActionInfo
	for _, s := range p.actions {
		info := ActionInfo{Operation: s.operation, Output: int64(p.bytes(s.node))}
		for _, n := range s.inputs {
			if _, slot := n.Value().(*op.Slot); slot && info.Weight == nil {
				info.Name = n.Name()
			}
			w, ok := n.Value().(*op.Weight)
			if packed := ok && w.Arg().Packed.Data != nil; packed || ok && info.Weight == nil {
				info.Weight, info.Name = w, n.Name()
			}
		}
		list = append(list, info)
	}
	return list
}
