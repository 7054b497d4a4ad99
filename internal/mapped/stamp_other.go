//go:build !linux

package mapped

import (
	"io/fs"
	"time"
)

// stampOf knows nothing here.
func stampOf(fs.FileInfo) (stamp string, changed time.Time, ok bool) { return "", time.Time{}, false }
