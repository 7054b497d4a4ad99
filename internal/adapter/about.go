package adapter

import (
	"slices"
	"strings"

	"sdgo/internal/loader"
)

// About is what the names and shapes of an adapter's file tell without a model.
type About struct {
	Kinds map[string]int // modules of each kind
	Ranks []int          // those of low ranks, each once, the lowest first
	// Text is how many numbers a token has in what the U-Net's cross-attention reads, and
	// Encoder in the first text encoder; 0 if the file does not tell.
	Text, Encoder int
	// Tensors are those of modules that can be loaded; Refused those of others.
	Tensors, Refused []string
}

// gLoRA is the kind that is known and not loaded.
const gLoRA = "GLoRA"

// Describe tells what an adapter's file is; nil if it is none.
func Describe(tensors *loader.Folder) *About {
	f := &File{tensors: tensors}
	if f.group(); len(f.modules) == 0 {
		return nil
	}
	a := &About{Kinds: make(map[string]int)}
	for _, m := range f.modules {
		kind := m.kind().name
		to := &a.Tensors
		if kind == gLoRA {
			to = &a.Refused
		}
		for _, name := range m.tensors {
			*to = append(*to, name)
		}
		if m.has(doraScale) || m.has(magnitudeVector) {
			kind += " with DoRA"
		}
		a.Kinds[kind]++
		for _, r := range []role{down, hada1b, lokr1b, lokr2b} {
			if rank := m.size(0, r); rank > 0 {
				a.Ranks = append(a.Ranks, rank)
				break
			}
		}
		switch name := strings.ReplaceAll(m.name, "_", "."); {
		case crosses(name):
			a.Text = max(a.Text, m.inputs())
		case encodes(name):
			a.Encoder = max(a.Encoder, m.inputs())
		}
	}
	slices.Sort(a.Ranks)
	a.Ranks = slices.Compact(a.Ranks)
	return a
}

// crosses says whether a module reads the text in the U-Net.
func crosses(name string) bool {
	at := strings.LastIndex(name, "attn2.")
	return at >= 0 && (strings.HasSuffix(name[at:], ".to.k") || strings.HasSuffix(name[at:], ".to.v"))
}

// encodes says whether a module reads the tokens in the first text encoder.
func encodes(name string) bool {
	for _, second := range []string{"te2", "text.encoder.2", "clip.g"} {
		if strings.Contains(name, second) {
			return false
		}
	}
	return strings.HasSuffix(name, ".self.attn.q.proj")
}

// inputs is how many numbers a linear layer reads, as far as its change tells, or 0.
func (m *module) inputs() int {
	if m.has(lokr1) || m.has(lokr1b) {
		return m.size(1, lokr1, lokr1b) * m.size(1, lokr2, lokr2b)
	}
	return m.size(1, down, hada1b, diff)
}

// size is a dimension of the first tensor that the module has of some, or 0.
func (m *module) size(dim int, roles ...role) int {
	for _, r := range roles {
		if shape, _, ok := m.file.tensors.Tensor(m.tensors[r]); ok && dim < len(shape) {
			return shape[dim]
		}
	}
	return 0
}
