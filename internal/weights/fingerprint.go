package weights

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// sampled is how many numbers of each weight a fingerprint is made of: a model that
// was trained further differs in nearly all.
const sampled = 16

// Fingerprint is a short text that tells models apart by their weights, of which it
// reads a sample, and by how these are kept.
func Fingerprint(params []*Param) string {
	h := sha256.New()
	for _, p := range params {
		fmt.Fprintln(h, p.Key, p.Shape, p.Format)
		x, _ := p.Value.Data().([]float32)
		for i := range min(sampled, len(x)) {
			binary.Write(h, binary.LittleEndian, x[i*len(x)/min(sampled, len(x))])
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
