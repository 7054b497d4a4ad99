package mapped

import (
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// stampOf tells a version of a file from others of the file system, and when it was changed
// last. The system sets that time with every change, whatever a program says of when the
// file was modified.
func stampOf(info fs.FileInfo) (stamp string, changed time.Time, ok bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", time.Time{}, false
	}
	changed = time.Unix(s.Ctim.Unix())
	return fmt.Sprintf("%d %d %d %d %d", s.Dev, s.Ino, s.Size, info.ModTime().UnixNano(), changed.UnixNano()), changed, true
}
