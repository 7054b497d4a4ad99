package weights

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"

	"sdgo/internal/kernel"
)

// sampled is how many numbers of each weight a fingerprint is made of: a model that
// was trained further differs in nearly all.
const sampled = 16

// Fingerprint is a short text that tells models apart by their weights, of which it
// reads a sample, and by the type of their factors. How weights are kept does not matter
// as long as their numbers are the same.
func Fingerprint(params []*Param) string {
	h := sha256.New()
	for _, p := range params {
		fmt.Fprintln(h, p.Key, p.Shape, p.factors())
		total := p.Shape.TotalSize()
		for i := range min(sampled, total) {
			x, ok := p.number(i * total / min(sampled, total))
			if ok {
				binary.Write(h, binary.LittleEndian, x)
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// number returns one of the weight as it is computed with, in the checkpoint's order,
// unless it is on a device.
func (p *Param) number(i int) (x float32, ok bool) {
	arg := p.Value.Arg()
	switch {
	case arg.Packed.Data != nil:
		x = arg.Packed.Number(i, p.Taps)
	case arg.Data != nil:
		var one [1]float32
		t := kernel.Table{Format: arg.Format, Stored: arg.Stored, Data: arg.Data}
		t.Load(one[:], i)
		x = one[0]
	default:
		return 0, false
	}
	if p.Format == kernel.BFloat16 {
		x = math.Float32frombits(uint32(kernel.BFloat16Bits(x)) << 16)
	}
	return x, true
}
