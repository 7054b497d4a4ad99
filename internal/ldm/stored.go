package ldm

import (
	"fmt"

	"sdgo/internal/ggml"
)

// storer has tensors as they are stored, see [checkpoint.Storer].
type storer interface {
	Stored(name string, from int64, dst []byte) error
}

// Stored implements [checkpoint.Storer].
func (v *view) Stored(name string, from int64, dst []byte) error {
	file, ok := v.from[name]
	s, can := v.Tensors.(storer)
	if !ok || !can {
		return fmt.Errorf("ldm: %.200q: have no tensor as it is stored", name)
	}
	return s.Stored(file, from, dst)
}

// Stored implements [checkpoint.Storer]. A matrix that the file has by columns cannot be
// had so, nor a part of a tensor that begins within a block.
func (p *Part) Stored(name string, from int64, dst []byte) error {
	piece, ok := p.pieces[name]
	s, can := p.tensors.(storer)
	if !ok || !can || piece.transposed {
		return fmt.Errorf("ldm: %.200q: have no tensor as it is stored", name)
	}
	_, dtype, _ := p.tensors.Tensor(piece.name)
	t, ok := ggml.Parse(dtype)
	if numbers, _ := t.Block(); !ok || piece.from%numbers != 0 {
		return fmt.Errorf("ldm: %.200q: begins at number %d, within a block of %s", name, piece.from, dtype)
	}
	return s.Stored(piece.name, int64(t.Bytes(piece.from))+from, dst)
}
