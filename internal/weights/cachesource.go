package weights

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sdgo/internal/atomicfile"
	"sdgo/internal/mapped"
)

// settled is for how long a file must not have been changed for its stamp to tell that it
// was not: the clock of a file system may stand still for some hundredths of a second, and
// another one may count whole seconds. Tests shorten it.
var settled = 3 * time.Second

// digest returns what tells the content of a file from any other. It is remembered by the
// file's stamp, as reading gigabytes takes long: with every change, whatever date it is
// given, a file gets another stamp.
func (c *Cache) digest(ctx context.Context, f *mapped.File) (string, error) {
	stamp, _, known := f.Stamp()
	sum := sha256.Sum256([]byte(stamp))
	note := filepath.Join(c.dir, hex.EncodeToString(sum[:16])+".source")
	if known {
		if text, err := os.ReadFile(note); err == nil {
			was, digest, ok := strings.Cut(strings.TrimSuffix(string(text), "\n"), "\n")
			if ok && was == stamp && len(digest) == hex.EncodedLen(sha256.Size) {
				return digest, nil
			}
		}
	}
	quiet := unchangedFor(f, settled)
	digest, err := f.Digest(ctx)
	if err != nil {
		return "", err
	}
	if quiet && f.Unchanged() {
		if err := writeNote(note, stamp+"\n"+digest+"\n"); err != nil {
			c.warn("%v", err)
		}
	}
	return digest, nil
}

func writeNote(path, text string) error {
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write([]byte(text)); err != nil {
		return err
	}
	return f.Commit()
}

// unchangedFor says whether a file has a stamp and was not changed for some time.
func unchangedFor(f *mapped.File, d time.Duration) bool {
	_, changed, known := f.Stamp()
	return known && time.Since(changed) > d
}

// note is the file that says which version of the entry's file was checked.
func (e *entry) note() string { return e.path() + ".checked" }

// checked says whether the numbers in the entry's file were found to have their checksums
// since the file was changed last. That takes a stamp.
func (e *entry) checked(f *mapped.File) bool {
	stamp, _, known := f.Stamp()
	if !known {
		return false
	}
	text, err := os.ReadFile(e.note())
	return err == nil && string(text) == e.key+"\n"+stamp+"\n"
}

// noteChecked remembers that the numbers have their checksums, which takes longer to find
// than all else of a load.
func (e *entry) noteChecked(f *mapped.File) {
	if stamp, _, known := f.Stamp(); known && f.Unchanged() {
		if err := writeNote(e.note(), e.key+"\n"+stamp+"\n"); err != nil {
			e.warn("%v", err)
		}
	}
}
