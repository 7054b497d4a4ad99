//go:build !linux

package atomicfile

import "errors"

// exchange gives each of two the name of the other. Tests replace it.
var exchange = func(string, string) error { return errors.ErrUnsupported }
