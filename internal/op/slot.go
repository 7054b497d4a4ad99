package op

import (
	"fmt"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Slot is the value of a node whose weight each run of a plan brings with it, such as that
// of an adapter: a packed one, of a shape that the plan knows.
type Slot struct {
	shape  tensor.Shape
	number int
}

// NewSlot returns the slot for weight number i of a run.
func NewSlot(i int, shape ...int) *Slot { return &Slot{shape: shape, number: i} }

// Number is that of the weight among those of a run.
func (s *Slot) Number() int { return s.number }

// Shape implements gorgonia.Value.
func (s *Slot) Shape() tensor.Shape { return s.shape }

// Size implements gorgonia.Value.
func (s *Slot) Size() int { return s.shape.TotalSize() }

// Data implements gorgonia.Value: a slot has no numbers.
func (s *Slot) Data() any { return nil }

// Dtype implements gorgonia.Value.
func (s *Slot) Dtype() tensor.Dtype { return tensor.Float32 }

// Type implements gorgonia.Typer.
func (s *Slot) Type() hm.Type { return G.TensorType{Dims: s.shape.Dims(), Of: tensor.Float32} }

// Uintptr implements tensor.Memory.
func (s *Slot) Uintptr() uintptr { return 0 }

// MemSize implements tensor.Memory.
func (s *Slot) MemSize() uintptr { return 0 }

// Format implements fmt.Formatter.
func (s *Slot) Format(state fmt.State, _ rune) { fmt.Fprintf(state, "slot %d %v", s.number, s.shape) }
