//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package mapped

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps the first size bytes of f, read-only. f may be closed after.
func mapFile(f *os.File, size int64) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
}

func unmap(data []byte) error { return unix.Munmap(data) }

// dropPages takes whole pages out of the process's resident memory. It is a
// hint: an error changes nothing for the reader.
func dropPages(data []byte) { _ = unix.Madvise(data, unix.MADV_DONTNEED) }
