package atomicfile

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openUnnamed creates a file in a folder that has no name and vanishes when it is
// closed, with the permissions that any new file gets. Tests replace it.
var openUnnamed = func(folder string) (*os.File, error) {
	return os.OpenFile(folder, os.O_RDWR|unix.O_TMPFILE, 0o666)
}

// link gives an unnamed file a name that nothing has yet.
func link(f *os.File, name string) error {
	self := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	return unix.Linkat(unix.AT_FDCWD, self, unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
}
