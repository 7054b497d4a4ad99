//go:build !linux

package atomicfile

import (
	"errors"
	"os"
)

var openUnnamed = func(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func link(*os.File, string) error { return errors.ErrUnsupported }
