package diffusion

import (
	"errors"

	"sdgo/internal/adapter"
)

// AdapterError is the error of an adapter that does not fit the pipeline's model.
// Its message is that of Err, with the first modules of each list.
type AdapterError struct {
	Err error
	// Matched are the modules that the model has, as the file names them, Unmatched those
	// that it does not have, and Misfits those that it has in another shape, and how.
	Matched, Unmatched, Misfits []string
}

// adapterError is err with what it says of modules, if it does.
func adapterError(err error) error {
	var e *adapter.MismatchError
	if !errors.As(err, &e) {
		return err
	}
	return &AdapterError{err, e.Matched, e.Unmatched, e.Misfits}
}

// Error is what Err says.
func (e *AdapterError) Error() string {
	if e.Unwrap() == nil {
		return "diffusion: load adapter: does not fit the model"
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *AdapterError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}
