package engine

import (
	"fmt"
	"math"
	"runtime"
	"sync"
)

// Memory counts the bytes that an engine holds and keeps them under a limit.
type Memory struct {
	mu     sync.Mutex
	used   int64
	peak   int64 // the most that was used since ResetPeak
	limit  int64
	chosen bool // the limit is the caller's, not the machine's
}

// MemoryError says that work needs more memory than the limit allows. Nothing
// was allocated.
type MemoryError struct {
	What               string // what the memory is for
	Need, InUse, Limit int64  // bytes: for this, held already, allowed in all
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("engine: %s needs %s beside the %s in use, more than the limit of %s",
		e.What, Bytes(e.Need), Bytes(e.InUse), Bytes(e.Limit))
}

// Bytes formats a number of bytes for a message.
func Bytes(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}

// fits returns a MemoryError if n more bytes do not fit, once spare of those in
// use have been given back. It wants the lock held.
func (m *Memory) fits(n, spare int64, what string) error {
	if n > m.limit-(m.used-spare) {
		return &MemoryError{What: what, Need: n, InUse: m.used - spare, Limit: m.limit}
	}
	return nil
}

// check is fits without the lock held.
func (m *Memory) check(n, spare int64, what string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fits(n, spare, what)
}

// Allowed returns the bytes that a limit of the caller's own leaves, or MaxInt64 if
// there is none. It does not depend on the machine.
func (m *Memory) Allowed() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.chosen {
		return math.MaxInt64
	}
	return m.limit - m.used
}

// InUse returns the bytes that the engine holds: weights, and arenas of running and
// idle machines.
func (m *Memory) InUse() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// ResetPeak makes Peak begin anew.
func (m *Memory) ResetPeak() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peak = m.used
}

// Peak returns the most bytes that were in use at once since ResetPeak.
func (m *Memory) Peak() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peak
}

// reserve counts n more bytes as used, if they fit.
func (m *Memory) reserve(n int64, what string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.fits(n, 0, what)
	if err == nil {
		m.used += n
		m.peak = max(m.peak, m.used)
	}
	return err
}

// Block is memory outside the Go heap. It goes back when Free is called, or
// when the Block is collected: whoever uses Data must hold the Block.
type Block struct {
	Data    []float32
	free    func()
	cleanup runtime.Cleanup
}

// Alloc returns n zeroed float32s, or a *MemoryError.
func (m *Memory) Alloc(n int, what string) (*Block, error) {
	if n == 0 {
		return &Block{free: func() {}}, nil
	}
	size := 4 * int64(n)
	if err := m.reserve(size, what); err != nil {
		return nil, err
	}
	release := func() {
		m.mu.Lock()
		m.used -= size
		m.mu.Unlock()
	}

	data, unmap, err := mapMemory(n)
	if err != nil {
		release()
		return nil, fmt.Errorf("engine: %s: allocate %s: %w", what, Bytes(size), err)
	}
	var once sync.Once
	b := &Block{Data: data, free: func() { once.Do(func() { unmap(); release() }) }}
	b.cleanup = runtime.AddCleanup(b, func(free func()) { free() }, b.free)
	return b, nil
}

// Free gives the memory back. Data must not be used after it.
func (b *Block) Free() {
	b.Data = nil
	b.free()
}

// defaultMemory is taken for the machine's memory where it cannot be read.
const defaultMemory = 16 << 30
