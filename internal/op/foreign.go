package op

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/kernel"
)

// foreign is an operation of gorgonia's own, such as a caller's loss is made of, or the
// sum of derivatives. It runs on one goroutine, on copies of its inputs: gorgonia's
// operations allocate their results and may keep or change what they are given.
type foreign struct {
	op     G.Op
	inputs []tensor.Shape
	out    tensor.Shape
}

// Foreign returns an operation that runs a node's operation, whatever it is. All values are
// float32.
func Foreign(n *G.Node, inputs []*G.Node) (Operation, error) {
	k := foreign{op: n.Op(), out: n.Shape()}
	for _, in := range append([]*G.Node{n}, inputs...) {
		if in.Dtype() != tensor.Float32 {
			return nil, fmt.Errorf("op: %v: have %q of %v, want float32", n.Op(), in.Name(), in.Dtype())
		}
	}
	if isSum(k.op) && len(inputs) == 2 && inputs[0].Shape().Eq(k.out) && inputs[1].Shape().Eq(k.out) {
		return add{k.out.TotalSize()}, nil
	}
	for _, in := range inputs {
		k.inputs = append(k.inputs, in.Shape())
	}
	return k, nil
}

// isSum recognises gorgonia's addition of two tensors, which adds up derivatives. Its
// type is not exported.
func isSum(o G.Op) bool {
	return fmt.Sprintf("%T", o) == "gorgonia.elemBinOp" && o.String() == "+ false"
}

func (k foreign) String() string { return fmt.Sprintf("gorgonia's %v", k.op) }
func (k foreign) Work() int      { return 0 }
func (k foreign) Cost() Cost     { return moving }

func (k foreign) Phases(out []float32, in []Arg, _ []float32) []kernel.Phase {
	return []kernel.Phase{{Tasks: 1, Run: func(int, []float32) {
		if err := k.run(out, in); err != nil {
			panic(&Failure{k, err})
		}
	}}}
}

// Failure is the panic of an operation whose work can fail.
type Failure struct {
	Operation Operation
	Err       error
}

func (f *Failure) Error() string { return fmt.Sprintf("op: %v: %v", f.Operation, f.Err) }
func (f *Failure) Unwrap() error { return f.Err }

func (k foreign) run(out []float32, in []Arg) error {
	values := make([]G.Value, len(in))
	for i, a := range in {
		values[i] = a.value(k.inputs[i])
	}
	v, err := k.op.Do(values...)
	if err != nil {
		return err
	}
	switch v := v.(type) {
	case *G.F32:
		out[0] = v.Data().(float32)
		return nil
	case tensor.Tensor:
		if view, ok := v.(tensor.View); ok && view.RequiresIterator() {
			v = view.Materialize()
		}
		if x, ok := v.Data().([]float32); ok && len(x) == len(out) {
			copy(out, x)
			return nil
		}
		if x, ok := v.Data().(float32); ok && len(out) == 1 {
			out[0] = x
			return nil
		}
	}
	return fmt.Errorf("have a %T, want %v of float32", v, []int(k.out))
}

// value is a copy of an argument as a value of gorgonia's.
func (a Arg) value(shape tensor.Shape) G.Value {
	dst := make([]float32, shape.TotalSize())
	switch {
	case a.Packed.Data != nil:
		kernel.Serial(a.unpack(dst, shape[0], shape[1], len(dst)/shape[0]/shape[1]))
	default:
		t := a.table()
		t.Load(dst, 0)
	}
	if shape.IsScalar() {
		return G.NewF32(dst[0])
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(dst))
}
