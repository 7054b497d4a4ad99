package clip

import (
	"crypto/sha256"
	"encoding/binary"
)

// Digest is the same for texts of which Encode makes the same embeddings: of the same ids, of
// which new tokens have the same vectors, with the same clip skip and an encoder that shares
// its weights. It tells nothing of adapters, and is another in another process.
func (e *TextEncoder) Digest(ids []int, clipSkip int) [sha256.Size]byte {
	h := sha256.New()
	write := func(data any) { _ = binary.Write(h, binary.LittleEndian, data) } // a hash takes all
	loaded := e.ready() == nil
	if loaded {
		write(e.model.Serial())
		write(e.raw)
	}
	write(int64(clipSkip))
	for _, id := range ids {
		write(int64(id))
		if loaded {
			if v, ok := e.vectors[id]; ok {
				write(v)
			}
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}
