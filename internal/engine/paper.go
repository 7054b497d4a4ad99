package engine

import (
	"errors"
	"fmt"
)

// ErrOnPaper is returned for runs of an engine on paper.
var ErrOnPaper = errors.New("engine: this processor is one on paper: it can be planned for, and computes nothing")

// Paper says whether the engine is on paper, so that weights need not be read.
func (e *Engine) Paper() bool { return e.paper }

// Reserve returns n float32s that take no memory: they read as zeros and must not be
// written. They are counted as memory.
func (m *Memory) Reserve(n int, what string) (*Block, error) {
	size := 4 * int64(n)
	if err := m.reserve(size, what); err != nil {
		return nil, err
	}
	block, err := reserveBlock(n, what, func() { m.release(size) })
	if err != nil {
		m.release(size)
	}
	return block, err
}

// reserveBlock is newBlock for addresses alone.
func reserveBlock(n int, what string, release func()) (*Block, error) {
	if n == 0 {
		return &Block{free: func() {}}, nil
	}
	data, free, err := reserveMemory(n)
	if err != nil {
		return nil, fmt.Errorf("engine: %s: addresses for %s: %w", what, Bytes(4*int64(n)), err)
	}
	return blockOf(data, free, release), nil
}
