// Package op defines the operations of the models' graphs, one file each: what an
// operation computes and the checks of its shapes, its cost, what it can be joined
// with, its derivative, and its work on the processor and on devices. What depends on
// where it runs, it asks a [Target]. [Op] makes a gorgonia Op of one. Inside the models tensors are channels-last: [N H W C] and [N T D].
package op

import (
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"
	"sync/atomic"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/device"
	"sdgo/internal/ggml"
	"sdgo/internal/kernel"
)

// Operation describes what is computed, on whatever target. It is immutable, and all
// its shapes were checked when it was made, so that its work cannot fail.
type Operation interface {
	fmt.Stringer
	Cost() Cost
}

// A Phaser is an operation with kernels for the processor: work on buffers of float32s,
// in phases.
type Phaser interface {
	Operation

	// Work is the number of float32s of scratch that the phases share.
	Work() int

	// Phases returns the work that computes out from in. Out holds anything on
	// entry. Unless InPlace says otherwise it overlaps no input.
	Phases(out []float32, in []Arg, work []float32) []kernel.Phase
}

// A Viewer's output is its input 0 under another shape: a machine that knows
// that needs not copy.
type Viewer interface {
	Operation
	IsView()
}

// A Fuser takes the operation that follows it into itself.
type Fuser interface {
	Operation

	// Fuse returns one operation for this one and next, which reads this one's
	// output as its input arg and nothing else does. Its inputs are this
	// one's, then next's others. The bytes of the result stay the same.
	Fuse(t Target, next Operation, arg int) (Operation, bool)
}

// An InputFuser takes the operation before it into itself.
type InputFuser interface {
	Operation

	// FuseInput returns one operation for prev and this one, which reads prev's
	// output as its input arg; that input becomes prev's input 0.
	FuseInput(t Target, prev Operation, arg int) (Operation, bool)
}

// A Lowerer has a choice of algorithms, which a target settles.
type Lowerer interface {
	Operation
	Lower(t Target) Operation
}

// A Differ knows its derivative.
type Differ interface {
	Operation

	// Derive returns the derivative of a loss by each input, made of other
	// operations, for the derivative d by the output: nil for an input that
	// Discrete names.
	Derive(in []*G.Node, d *G.Node) ([]*G.Node, error)
}

// A Discreter has inputs without a derivative: token ids, or rows to pick.
type Discreter interface {
	Operation
	Discrete(i int) bool
}

// An Unpacker multiplies with input 1, a weight that is packed. Unpacked returns the
// operation that packs it in every run, because it is computed or may change.
type Unpacker interface {
	Operation
	Unpacked() Operation
}

// Arg is an input of a Phaser: numbers, or a weight packed for its kernel.
type Arg struct {
	Data   []float32
	Format kernel.Format // of the numbers in Data's memory
	Stored ggml.Type     // of these, if they are as a checkpoint has them; F32 if not
	Packed kernel.Packed
	Device device.Ptr // of a weight on a device, which has no numbers here
}

// Op makes a gorgonia Op of an Operation. Gorgonia's own machine calls Do, which
// allocates the result; package engine plans memory ahead.
type Op struct {
	Operation
	id    uint64
	types []hm.Type // of the inputs, then of the output
	shape tensor.Shape
}

// ids tells equal operations apart: gorgonia identifies nodes by a 32-bit hash
// without comparing children, so two of 10⁵ equal ones would become one.
var ids atomic.Uint64

// apply adds a node to the graph of the children. All are float32 tensors.
func apply(k Operation, shape tensor.Shape, children ...*G.Node) (*G.Node, error) {
	o := &Op{Operation: k, id: ids.Add(1), shape: shape}
	for _, c := range children {
		o.types = append(o.types, c.Type())
	}
	o.types = append(o.types, G.TensorType{Dims: shape.Dims(), Of: tensor.Float32})
	return G.ApplyOp(o, children...)
}

// Arity implements gorgonia.Op.
func (o *Op) Arity() int { return len(o.types) - 1 }

// Type implements gorgonia.Op. The type is made afresh: gorgonia takes it back.
func (o *Op) Type() hm.Type { return hm.NewFnType(o.types...) }

// InferShape implements gorgonia.Op.
func (o *Op) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.shape.Clone(), nil }

// Do implements gorgonia.Op. It runs on the calling goroutine. A panic of its
// work, as for a token id that the table lacks, is returned as an error.
func (o *Op) Do(inputs ...G.Value) (_ G.Value, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Failure:
			err = r
		default:
			err = fmt.Errorf("op: %v: %v", o, r)
		}
	}()
	if len(inputs) != o.Arity() {
		return nil, fmt.Errorf("op: %v: have %d inputs, want %d", o, len(inputs), o.Arity())
	}
	release, err := Hold(inputs...)
	if err != nil {
		return nil, fmt.Errorf("op: %v: %w", o, err)
	}
	defer release()
	in := make([]Arg, len(inputs))
	for i, v := range inputs {
		if in[i], err = ArgOf(v); err != nil {
			return nil, fmt.Errorf("op: %v: input %d: %w", o, i, err)
		}
	}
	k, err := OnCPU(o.Operation)
	if err != nil {
		return nil, err
	}
	out := make([]float32, o.shape.TotalSize())
	kernel.Serial(k.Phases(out, in, make([]float32, k.Work()))...)
	return tensor.New(tensor.WithShape(o.shape...), tensor.WithBacking(out)), nil
}

// DiffWRT implements gorgonia.SDOp.
func (o *Op) DiffWRT(inputs int) []bool {
	wrt := make([]bool, inputs)
	_, differs := o.Operation.(Differ)
	discrete, _ := o.Operation.(Discreter)
	for i := range wrt {
		wrt[i] = differs && (discrete == nil || !discrete.Discrete(i))
	}
	return wrt
}

// SymDiff implements gorgonia.SDOp.
func (o *Op) SymDiff(inputs G.Nodes, _, d *G.Node) (G.Nodes, error) {
	k, ok := o.Operation.(Differ)
	if !ok {
		return nil, fmt.Errorf("op: %v has no derivative", o)
	}
	return k.Derive(inputs, d)
}

// ReturnsPtr implements gorgonia.Op.
func (o *Op) ReturnsPtr() bool { return true }

// CallsExtern implements gorgonia.Op.
func (o *Op) CallsExtern() bool { return false }

// OverwritesInput implements gorgonia.Op. Gorgonia's machines always copy.
func (o *Op) OverwritesInput() int { return -1 }

// WriteHash implements gorgonia.Op.
func (o *Op) WriteHash(h hash.Hash) {
	fmt.Fprint(h, o.String())
	binary.Write(h, binary.LittleEndian, o.id)
}

// Hashcode implements gorgonia.Op.
func (o *Op) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// ArgOf gives a value's numbers to a kernel without copying them.
func ArgOf(v G.Value) (Arg, error) {
	switch v := v.(type) {
	case *Weight:
		return v.arg, nil
	case *tensor.Dense:
		if v.Dtype() != tensor.Float32 {
			return Arg{}, fmt.Errorf("have a tensor of %v, want float32", v.Dtype())
		}
		if !v.DataOrder().IsContiguous() || v.DataOrder().IsColMajor() || v.RequiresIterator() {
			return Arg{}, fmt.Errorf("have a tensor with strides %v, want it contiguous", v.Strides())
		}
		return Arg{Data: v.Float32s()}, nil
	default:
		return Arg{}, fmt.Errorf("have a %T, want a *tensor.Dense", v)
	}
}

// table is an input that is looked up.
func (a Arg) table() kernel.Table {
	return kernel.Table{Format: a.Format, Stored: a.Stored, Data: a.Data}
}

// packed returns a weight [out in k k] packed, which is done here if it is not yet.
func (a Arg) packed(out, in, kh, kw int) kernel.Packed {
	if a.Packed.Data != nil {
		return a.Packed
	}
	dst := make([]float32, kernel.PackedLen(kh*kw*in, out, kernel.Float32))
	return kernel.PackConv(dst, a.Data, out, in, kh, kw, kernel.Float32)
}

// checkRank wants node n to have so many dimensions.
func checkRank(name string, n *G.Node, rank int) error {
	if n.Dims() != rank {
		return fmt.Errorf("op: %s: have an input of shape %v, want %d dimensions", name, []int(n.Shape()), rank)
	}
	return nil
}

// checkShape wants node n, called what, to have the given shape.
func checkShape(name, what string, n *G.Node, want ...int) error {
	if have := n.Shape(); !have.Eq(tensor.Shape(want)) {
		return fmt.Errorf("op: %s: have %s %v, want %v", name, what, []int(have), want)
	}
	return nil
}
