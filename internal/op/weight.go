package op

import (
	"fmt"
	"unsafe"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Weight is the value of a parameter's node: numbers that several graphs share,
// in the checkpoint's order, or packed for the kernel that reads them. Its shape is
// the checkpoint's.
type Weight struct {
	shape tensor.Shape
	arg   Arg
	owner any // keeps the memory alive as long as a graph holds the value; may be an Owner
}

// An Owner of weights may give their memory back while graphs still hold them.
type Owner interface {
	// Hold keeps the memory until release is called. It is an error if the memory
	// was given back before.
	Hold() (release func(), err error)
}

// Hold keeps the memory of all weights among values until release is called. It is an
// error if that of one was given back.
func Hold(values ...G.Value) (release func(), err error) {
	held := map[Owner]func(){}
	release = func() {
		for _, f := range held {
			f()
		}
	}
	for _, v := range values {
		w, ok := v.(*Weight)
		if !ok {
			continue
		}
		owner, ok := w.owner.(Owner)
		if !ok || held[owner] != nil { // once, as a second may wait for who waits for the first
			continue
		}
		if held[owner], err = owner.Hold(); err != nil {
			delete(held, owner)
			release()
			return nil, err
		}
	}
	return release, nil
}

// NewWeight returns a value that has a shape but no numbers yet.
func NewWeight(shape tensor.Shape) *Weight { return &Weight{shape: shape} }

// Set gives the value its numbers, which owner keeps alive. It must come before the
// first use of the value.
func (w *Weight) Set(arg Arg, owner any) { w.arg, w.owner = arg, owner }

// Arg returns the value as kernels want it.
func (w *Weight) Arg() Arg { return w.arg }

func (w *Weight) numbers() []float32 {
	if w.arg.Packed.Data != nil {
		return w.arg.Packed.Data
	}
	return w.arg.Data
}

// Shape implements gorgonia.Value.
func (w *Weight) Shape() tensor.Shape { return w.shape }

// Size implements gorgonia.Value.
func (w *Weight) Size() int { return w.shape.TotalSize() }

// Data implements gorgonia.Value: the numbers, in packed order if they are.
func (w *Weight) Data() any { return w.numbers() }

// Dtype implements gorgonia.Value.
func (w *Weight) Dtype() tensor.Dtype { return tensor.Float32 }

// Type implements gorgonia.Typer.
func (w *Weight) Type() hm.Type { return G.TensorType{Dims: w.shape.Dims(), Of: tensor.Float32} }

// Uintptr implements tensor.Memory.
func (w *Weight) Uintptr() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(w.numbers()))) }

// MemSize implements tensor.Memory.
func (w *Weight) MemSize() uintptr { return uintptr(4 * len(w.numbers())) }

// Format implements fmt.Formatter.
func (w *Weight) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "weight %v", w.shape) }
