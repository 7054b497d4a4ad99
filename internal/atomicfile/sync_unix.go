//go:build unix

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// syncFolder makes a name in folder durable. File systems that cannot flush a
// directory say EINVAL or ENOTSUP; there is nothing to wait for then.
func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if errors.Is(err, fs.ErrPermission) { // to be written alone
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}
