// Package gitlfs knows the pointers that Git leaves in place of large files where they
// were cloned without Git LFS.
//
// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
package gitlfs

import (
	"bytes"
	"errors"
)

// ErrPointer says that a file is a pointer.
var ErrPointer = errors.New(`this is a Git LFS pointer, not the file itself, which "git lfs pull" fetches`)

// maxPointer is what the specification allows a pointer in bytes.
const maxPointer = 1024

// IsPointer says whether data, a whole file, is a pointer.
func IsPointer(data []byte) bool {
	return len(data) < maxPointer && (bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/")) ||
		bytes.HasPrefix(data, []byte("version https://hawser.github.com/spec/"))) // as it was called first
}
