// Package weights holds a model's tensors in the forms that kernels read: it chooses
// their formats, and copies and packs them from a checkpoint.
package weights

import (
	"gorgonia.org/tensor"

	"sdgo/internal/ggml"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// Param is one tensor of a checkpoint, and what becomes of it.
type Param struct {
	Model string // whose it is, for the name of its node
	Key   string // in the checkpoint
	Shape tensor.Shape
	DType string // of its numbers there

	// A weight of kernels of Taps pixels is packed for the matrix product. Others,
	// with Taps 0, are used as they are.
	Taps, In, Out  int
	Format, Lowest kernel.Format // what it has, and the least exact that it may have
	Stored         ggml.Type     // not packed, but as a checkpoint has such numbers; F32 if it is not
	exact          bool          // float32 rather than rounded

	Value *op.Weight
}

// Size is the float32s that the parameter takes when it is loaded.
func (p *Param) Size() int {
	if p.Stored != ggml.F32 {
		return kernel.StoredLen(p.Shape.TotalSize(), p.Stored)
	}
	if p.Taps == 0 {
		return kernel.TableLen(p.Shape.TotalSize(), p.Format)
	}
	return kernel.PackedLen(p.Taps*p.In, p.Out, p.Format)
}

// Name is that of its node in a graph.
func (p *Param) Name() string { return p.Model + "/" + p.Key }
