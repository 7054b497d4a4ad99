package safetensors

import (
	"errors"

	"sdgo/internal/mapped"
)

// FaultError says that a part of a mapped file could not be read: another program cut
// the file short, or its disk failed.
type FaultError struct {
	// Name is the file as it was given to Open or OpenFS.
	Name string
	// Offset is the place in the file, in bytes from its start.
	Offset int64
}

// Error implements error.
func (e *FaultError) Error() string {
	return "safetensors: " + (&mapped.Fault{Name: e.Name, Offset: e.Offset}).Error()
}

// Guard calls f and returns its error, or a [*FaultError] if f, on its own goroutine,
// read a part of an open file that is no longer there. Without it such a read, of what
// [Tensor.Bytes] or [Tensor.Float32s] returned, ends the process.
func Guard(f func() error) error {
	if f == nil {
		return errors.New("safetensors: guard: have no func to call")
	}
	err := mapped.Guard(f)
	if fault, ok := err.(*mapped.Fault); ok {
		return &FaultError{Name: fault.Name, Offset: fault.Offset}
	}
	return err
}
