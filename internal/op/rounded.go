package op

import (
	G "gorgonia.org/gorgonia"

	"sdgo/internal/kernel"
)

// A RoundedReader has inputs that it rounds to bfloat16 before anything else, so that
// they may be so in memory.
type RoundedReader interface {
	Phaser

	// ReadRounded returns the operation on the same inputs of which number i is bfloat16.
	// Its bytes are the same.
	ReadRounded(i int, in []*G.Node) (Operation, bool)
}

// A RoundedWriter can leave its output in memory as bfloat16.
type RoundedWriter interface {
	Phaser

	// WriteRounded returns the operation that does.
	WriteRounded(in []*G.Node) (Operation, bool)
}

// rounding says which of an operation's values are bfloat16 in memory: its input 0, and
// its output.
type rounding struct{ from, to bool }

func (r rounding) String() string {
	switch {
	case r.from && r.to:
		return " from and to bfloat16"
	case r.from:
		return " from bfloat16"
	case r.to:
		return " to bfloat16"
	}
	return ""
}

// rounds says whether a node is a weight whose products are of bfloat16.
func rounds(n *G.Node) bool {
	w, ok := n.Value().(*Weight)
	return ok && w.arg.Packed.Data != nil && w.arg.Packed.Format == kernel.BFloat16
}

// ReadRounded implements RoundedReader.
func (k linear) ReadRounded(i int, in []*G.Node) (Operation, bool) {
	k.rounding.from = true
	return k, i == 0 && rounds(in[1])
}

// WriteRounded implements RoundedWriter.
func (k linear) WriteRounded(in []*G.Node) (Operation, bool) {
	k.rounding.to = true
	return k, rounds(in[1]) && k.ep.rounds(k.out)
}

// ReadRounded implements RoundedReader.
func (k conv2d) ReadRounded(i int, in []*G.Node) (Operation, bool) {
	k.rounding.from = true
	return k, i == 0 && rounds(in[1]) && k.s.Pointwise()
}

// WriteRounded implements RoundedWriter.
func (k conv2d) WriteRounded(in []*G.Node) (Operation, bool) {
	k.rounding.to = true
	return k, rounds(in[1]) && k.s.Pointwise() && k.ep.rounds(k.s.OutC)
}

// rounds says whether a product of so many columns can be stored as bfloat16.
func (e epilogue) rounds(n int) bool { return n%2 == 0 && !e.residual }

// WriteRounded implements RoundedWriter.
func (k layerNorm) WriteRounded([]*G.Node) (Operation, bool) {
	k.rounding.to = true
	return k, true
}

// WriteRounded implements RoundedWriter.
func (k groupNorm) WriteRounded([]*G.Node) (Operation, bool) {
	k.rounding.to = true
	return k, true
}

// ReadRounded implements RoundedReader, of keys and values.
func (k attention) ReadRounded(i int, _ []*G.Node) (Operation, bool) {
	k.s.RoundedK, k.s.RoundedV = k.s.RoundedK || i == 1, k.s.RoundedV || i == 2
	return k, (i == 1 || i == 2) && k.s.BFloat16 && k.s.HeadDim%2 == 0
}

// ReadRounded implements RoundedReader, of keys and values.
func (k maskedAttention) ReadRounded(i int, in []*G.Node) (Operation, bool) {
	a, ok := attention(k).ReadRounded(i, in)
	return maskedAttention(a.(attention)), ok
}

// WriteRounded implements RoundedWriter.
func (k attention) WriteRounded([]*G.Node) (Operation, bool) {
	k.s.RoundOut = true
	return k, k.s.HeadDim%2 == 0
}

// WriteRounded implements RoundedWriter.
func (k maskedAttention) WriteRounded([]*G.Node) (Operation, bool) {
	k.s.RoundOut = true
	return k, k.s.HeadDim%2 == 0
}
