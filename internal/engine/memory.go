package engine

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"

	"sdgo/internal/device"
)

// Memory counts the bytes that an engine holds and keeps them under a limit.
type Memory struct {
	mu     sync.Mutex
	fixed  int64 // weights, and what is held whether calls run or not
	calls  int64 // what the engine's calls hold, and its idle machines
	peak   int64 // the most that was used since ResetPeak
	limit  int64
	chosen bool // the limit is the caller's, not the machine's
}

// What a [MemoryError] is, as errors.Is finds it.
var (
	ErrTooLarge = errors.New("engine: more memory than the limit allows")            // even alone
	ErrNoRoom   = errors.New("engine: more memory than there is beside other calls") // at this time
)

// MemoryError says that work needs more memory than the limit allows. Nothing
// was allocated.
type MemoryError struct {
	What               string // what the memory is for
	Need, InUse, Limit int64  // bytes: for this, held already, allowed in all
	Calls              bool   // it would fit if other calls did not hold memory
}

// Is says whether the error is [ErrTooLarge] or [ErrNoRoom].
func (e *MemoryError) Is(target error) bool {
	if e.Calls {
		return target == ErrNoRoom
	}
	return target == ErrTooLarge
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

// fits returns a MemoryError if n bytes do not fit beside those in use. It wants the
// lock held.
func (m *Memory) fits(n, inUse int64, what string) error {
	if n > m.limit-inUse {
		return &MemoryError{What: what, Need: n, InUse: inUse, Limit: m.limit}
	}
	return nil
}

// room returns the bytes that calls may hold together.
func (m *Memory) room() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.limit - m.fixed
}

// alone reports as an error that n bytes would not fit even if no call held any.
func (m *Memory) alone(n int64, what string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fits(n, m.fixed, what)
}

// refusal is the error for n bytes beside what calls hold.
func (m *Memory) refusal(n, held int64, what string) *MemoryError {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &MemoryError{What: what, Need: n, InUse: m.fixed + held, Limit: m.limit, Calls: n <= m.limit-m.fixed}
}

// setCalls says what calls and idle machines hold.
func (m *Memory) setCalls(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = n
	m.peak = max(m.peak, m.fixed+m.calls)
}

// Allowed returns the bytes that a limit of the caller's own leaves, or MaxInt64 if
// there is none. It does not depend on the machine.
func (m *Memory) Allowed() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.chosen {
		return math.MaxInt64
	}
	return m.limit - m.fixed - m.calls
}

// InUse returns the bytes that the engine holds: weights, what calls in flight have
// reserved, and arenas of idle machines.
func (m *Memory) InUse() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fixed + m.calls
}

// ResetPeak makes Peak begin anew.
func (m *Memory) ResetPeak() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peak = m.fixed + m.calls
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
	err := m.fits(n, m.fixed+m.calls, what)
	if err == nil {
		m.fixed += n
		m.peak = max(m.peak, m.fixed+m.calls)
	}
	return err
}

// Block is memory outside the Go heap. It goes back when Free is called, or
// when the Block is collected: whoever uses Data must hold the Block.
type Block struct {
	Data    []float32
	Ptr     device.Ptr // on a device, instead of Data
	size    int64      // bytes there
	free    func()
	cleanup runtime.Cleanup
}

// Alloc returns n zeroed float32s, or a *MemoryError.
func (m *Memory) Alloc(n int, what string) (*Block, error) {
	size := 4 * int64(n)
	if err := m.reserve(size, what); err != nil {
		return nil, err
	}
	block, err := newBlock(n, what, func() { m.release(size) })
	if err != nil {
		m.release(size)
	}
	return block, err
}

// Adopt counts memory that is there already, which free gives back, or returns a
// *MemoryError.
func (m *Memory) Adopt(data []float32, free func(), what string) (*Block, error) {
	size := 4 * int64(len(data))
	if err := m.reserve(size, what); err != nil {
		return nil, err
	}
	return blockOf(data, free, func() { m.release(size) }), nil
}

func (m *Memory) release(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fixed -= n
}

// newBlock returns n zeroed float32s that are counted already. Release, if not nil,
// is called when they go back.
func newBlock(n int, what string, release func()) (*Block, error) {
	if n == 0 {
		return &Block{free: func() {}}, nil
	}
	data, unmap, err := mapMemory(n)
	if err != nil {
		return nil, fmt.Errorf("engine: %s: allocate %s: %w", what, Bytes(4*int64(n)), err)
	}
	return blockOf(data, unmap, release), nil
}

// blockOf is a block of memory that unmap gives back, and after it release, if not nil, is
// called.
func blockOf(data []float32, unmap, release func()) *Block {
	b := &Block{Data: data}
	b.freeOnce(unmap, release)
	return b
}

// freeOnce makes the block's memory go back by unmap, and after it release, if not nil, by
// Free or when the block is collected.
func (b *Block) freeOnce(unmap, release func()) {
	var once sync.Once
	b.free = func() {
		once.Do(func() {
			unmap()
			if release != nil {
				release()
			}
		})
	}
	b.cleanup = runtime.AddCleanup(b, func(free func()) { free() }, b.free)
}

// bytes is what the block takes.
func (b *Block) bytes() int64 { return 4*int64(len(b.Data)) + b.size }

// Floats is how many float32s the block has room for.
func (b *Block) Floats() int { return int(b.bytes() / 4) }

// Scratch returns n zeroed float32s outside the Go heap for work whose memory was
// reserved, with a [Claim] or otherwise: they are not counted again.
func Scratch(n int, what string) (*Block, error) { return newBlock(n, what, nil) }

// Free gives the memory back. Data must not be used after it.
func (b *Block) Free() {
	b.Data = nil
	b.free()
}
