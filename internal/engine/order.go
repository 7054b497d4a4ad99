package engine

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/op"
)

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
		p.actions = append(p.actions, action{node: n, operation: o, inputs: children})
		return nil
	}
	for _, n := range p.outputs {
		if err := visit(n); err != nil {
			return err
		}
	}
	return nil
}

// leaf returns the value of a node that nothing computes: a weight, or a constant. That of
// a slot comes with each run.
func leaf(n *G.Node) (op.Arg, error) {
	v := n.Value()
	if constant, ok := n.Op().(interface{ Value() G.Value }); ok {
		v = constant.Value()
	}
	if v == nil {
		return op.Arg{}, fmt.Errorf("engine: node %q has no value and is no input", n.Name())
	}
	if _, ok := v.(*op.Slot); ok {
		return op.Arg{}, nil
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
		switch inputs[1].Value().(type) {
		case *op.Weight, *op.Slot:
		default:
			o = u.Unpacked()
		}
	}
	if o, err = p.target.Lower(o); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return o, nil
}

// bytes is the size of a node's value.
func (p *Plan) bytes(n *G.Node) int {
	if p.rounded[n] {
		return bfloat16 * n.Shape().TotalSize()
	}
	return p.target.Element() * n.Shape().TotalSize()
}

// childrenOf returns the inputs of a node in order.
func childrenOf(n *G.Node) []*G.Node {
	var children []*G.Node
	for it := n.Graph().From(n.ID()); it.Next(); {
		children = append(children, it.Node().(*G.Node))
	}
	return children
}
