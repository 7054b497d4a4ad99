package safetensors

import (
	"fmt"
)

// FormatError says that a file breaks the safetensors format, and where.
type FormatError struct {
	// Name is the file as it was given to Open or OpenFS; empty if unknown.
	Name string
	// Offset is the place in the file, in bytes from its start.
	Offset int64
	// Msg says what was found and what was wanted.
	Msg string
}

// Error implements error.
func (e *FormatError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("safetensors: offset %d: %s", e.Offset, e.Msg)
	}
	return fmt.Sprintf("safetensors: %s: offset %d: %s", e.Name, e.Offset, e.Msg)
}
