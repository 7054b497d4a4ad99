package mapped

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"time"
)

// Stamp tells the version of the file that was opened from any other on this machine, and
// when it was changed last. It is known of mapped files on Linux alone.
func (m *File) Stamp() (stamp string, changed time.Time, ok bool) {
	if !m.mapped || m.info == nil {
		return "", time.Time{}, false
	}
	return stampOf(m.info)
}

// Unchanged says whether the file is still there in the version that was opened.
func (m *File) Unchanged() bool {
	fsys, ok := m.fsys.(fs.StatFS)
	was, _, known := m.Stamp()
	if !ok || !known {
		return false
	}
	now, err := fsys.Stat(m.name)
	if err != nil || !os.SameFile(m.info, now) {
		return false
	}
	stamp, _, _ := stampOf(now)
	return stamp == was
}

// Digest returns the SHA-256 of the content in hexadecimals, or ctx's error soon after ctx
// is done.
func (m *File) Digest(ctx context.Context) (string, error) {
	const piece = 4 << 20
	h := sha256.New()
	for from := 0; from < len(m.data); from += piece {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		to := min(from+piece, len(m.data))
		if err := Guard(func() error {
			_, err := h.Write(m.data[from:to])
			return err
		}); err != nil {
			return "", err
		}
		m.Release(from, to)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
