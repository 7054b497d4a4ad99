//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package mapped

import (
	"errors"
	"os"
)

// mapFile is not available here: files are read into memory.
func mapFile(*os.File, int64) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmap([]byte) error { return nil }

func dropPages([]byte) {}
