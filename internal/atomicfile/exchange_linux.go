package atomicfile

import "golang.org/x/sys/unix"

// exchange gives each of two the name of the other. Tests replace it.
var exchange = func(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}
