package checkpoint

import "fmt"

// A Storer is a Source that also gives tensors as they are stored. Weights in blocks that
// share a scale, such as those of GGUF files, are kept in memory so.
type Storer interface {
	Source

	// Stored sets dst to bytes of a tensor, from byte from on: its numbers in row-major
	// order, as the type that Tensor names stores them. An empty dst asks whether that
	// can be had: the error is nil then. Like Float32s it is called on several goroutines.
	Stored(name string, from int64, dst []byte) error
}

// Stored gives bytes of a tensor as it is stored, see [Storer]. It is an error if the
// source is none, or cannot give those of the tensor.
func Stored(src Source, name string, from int64, dst []byte) error {
	s, ok := src.(Storer)
	if !ok {
		return fmt.Errorf("checkpoint: %.200q: have a %T, want a checkpoint that gives its tensors as they are stored", name, src)
	}
	return s.Stored(name, from, dst)
}

// Stored implements [Storer]. A tensor that was changed has numbers alone.
func (o *Overlay) Stored(name string, from int64, dst []byte) error {
	if o == nil || o.base == nil {
		return errNone
	}
	if o.over[name] != nil {
		return fmt.Errorf("checkpoint: %.200q: it was changed, and is not stored", name)
	}
	return Stored(o.base, name, from, dst)
}
