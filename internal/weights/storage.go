package weights

import (
	"fmt"
	"strings"

	"sdgo/internal/ggml"
	"sdgo/internal/gguf"
	"sdgo/internal/kernel"
)

// Storage is the type in which weights are kept in memory. The zero value is that in
// which their checkpoint stores them.
type Storage struct {
	chosen bool
	kind   ggml.Type
}

// ParseStorage returns the storage of a name: float32, float16, bfloat16, or blocks by
// their name in GGUF. Empty means that of the checkpoint.
func ParseStorage(name string) (Storage, error) {
	switch strings.ToLower(name) {
	case "":
		return Storage{}, nil
	case "float32", "f32", "fp32":
		return Storage{true, ggml.F32}, nil
	case "float16", "f16", "fp16":
		return Storage{true, ggml.F16}, nil
	case "bfloat16", "bf16":
		return Storage{true, ggml.BF16}, nil
	}
	if t, ok := ggml.Parse(name); ok && t.Quantised() && t.Writable() {
		return Storage{true, t}, nil
	}
	return Storage{}, fmt.Errorf("weights: have %.80q, want float32, float16, bfloat16 or blocks such as q8_0 and q4_k, or none for what the files have", name)
}

// of returns the type for weights that a checkpoint has in type have: the one that was
// chosen, if it takes fewer bits.
func (s Storage) of(have ggml.Type) ggml.Type {
	if s.chosen && (s.kind == ggml.F32 || bits(s.kind) < bits(have)) {
		return s.kind
	}
	return have
}

// bits are those of a number on average.
func bits(t ggml.Type) float64 {
	numbers, bytes := t.Block()
	return 8 * float64(bytes) / float64(numbers)
}

// typeOf is the least type that holds the numbers of a checkpoint's type exactly, as far
// as weights are kept in it.
func typeOf(dtype string) ggml.Type {
	switch dtype {
	case "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ":
		return ggml.F16
	}
	t, ok := ggml.Parse(dtype)
	if ok && (t == ggml.F16 || t == ggml.BF16 || t.Quantised()) {
		return t
	}
	return ggml.F32
}

// Keep chooses how the weight is kept, beside what its format says: in halves or blocks
// if the checkpoint has it so and the arithmetic is float32, in blocks also for factors of
// bfloat16. Stored says whether the checkpoint gives its blocks. Small tables, and what is
// no table or matrix, are float32.
func (p *Param) Keep(s Storage, stored func() bool) {
	have := typeOf(p.DType)
	want := s.of(have)
	if want != have && want.Quantised() {
		want = p.inBlocks(want)
	}
	switch {
	case p.Taps == 0 && p.Lowest == kernel.Float32, p.Format == kernel.Int8:
	case want.Quantised():
		if want != have || stored() {
			p.Stored, p.Format = want, p.factors()
		}
	case p.Format != kernel.Float32:
	case want == ggml.F16 && p.Lowest >= kernel.Float16:
		p.Format, p.exact = kernel.Float16, have == want
	case want == ggml.BF16:
		p.Stored, p.exact = want, have == want
	}
}

// inBlocks is the type for a weight that is to be put into blocks, as a file of that type
// has it: only matrices are, but those of layers that are to be precise.
func (p *Param) inBlocks(t ggml.Type) ggml.Type {
	if p.Taps != 1 || p.Lowest <= kernel.Float16 {
		return ggml.F16
	}
	return gguf.Choose(t, "", []int{p.Out, p.In})
}

// factors is the format of the weight's arithmetic.
func (p *Param) factors() kernel.Format {
	if p.Format == kernel.Float16 {
		return kernel.Float32
	}
	return p.Format
}
