package device

import (
	"context"
	"errors"
)

// ErrMemory is in the errors of a device that has no memory left.
var ErrMemory = errors.New("device: out of memory")

// Device is one that runs launches. It is safe for concurrent use.
type Device interface {
	String() string
	Target(t Type) Target
	Memory() int64 // bytes that were free when it was opened

	// Alloc returns memory that holds anything. Free gives it back.
	Alloc(bytes int64) (Ptr, error)
	Free(p Ptr) error

	// Upload copies to the device, and returns when src may be changed. Download copies
	// from it.
	Upload(dst Ptr, src []byte) error
	Download(dst []byte, src Ptr) error

	// Prepare makes launches ready to run again and again, between copies of inputs
	// from the host and of outputs to it.
	Prepare(inputs, outputs []Span, launches []Launch) (Sequence, error)

	// Close gives the device back; it must not be used after it.
	Close() error
}

// Span is a part of a device's memory with float32s.
type Span struct {
	Ptr Ptr
	N   int // numbers
}

// Sequence is work made ready. One goroutine may use it at a time.
type Sequence interface {
	// Input and Output are host memory that a run reads and writes.
	Input(i int) []float32
	Output(i int) []float32

	// Replace makes other launches ready in place of those that it has. After an error it
	// has those still.
	Replace(launches []Launch) error

	// Run runs it. When ctx is done it returns ctx's error within some milliseconds.
	Run(ctx context.Context) error
	Close() error
}
