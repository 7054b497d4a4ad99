package adapter

import "strings"

// role is what a tensor is to its module.
type role string

// The roles, most of them in the words of the tools that write them.
const (
	down, mid, up    role = "down", "mid", "up"
	alpha            role = "alpha"
	scaleOf          role = "scale"
	scalar           role = "scalar"
	doraScale        role = "dora_scale"
	magnitudeVector  role = "lora_magnitude_vector"
	hada1a, hada1b   role = "hada_w1_a", "hada_w1_b"
	hada2a, hada2b   role = "hada_w2_a", "hada_w2_b"
	hadaT1, hadaT2   role = "hada_t1", "hada_t2"
	lokr1, lokr2     role = "lokr_w1", "lokr_w2"
	lokr1a, lokr1b   role = "lokr_w1_a", "lokr_w1_b"
	lokr2a, lokr2b   role = "lokr_w2_a", "lokr_w2_b"
	lokrT2           role = "lokr_t2"
	diff, diffBias   role = "diff", "diff_b"
	upBias           role = "lora_B.bias"
	normDiff, bNorm  role = "w_norm", "b_norm"
	ia3, onInput     role = "weight", "on_input"
	ia3PEFT          role = "ia3_l"
	oftBlocks        role = "oft_blocks"
	oftRescale       role = "rescale"
	gloraA1, gloraA2 role = "a1.weight", "a2.weight"
	gloraB1, gloraB2 role = "b1.weight", "b2.weight"
)

// suffixes end the names of tensors. The longer of two that fit comes first. Adapters of
// PEFT may have their own name after lora_A, as in lora_A.default.weight.
var suffixes = []struct {
	end  string
	role role
}{
	{".lora_linear_layer.down.weight", down}, {".lora_linear_layer.up.weight", up},
	{".lora.down.weight", down}, {".lora.up.weight", up},
	{"_lora.down.weight", down}, {"_lora.up.weight", up},
	{".lora_down.weight", down}, {".lora_up.weight", up}, {".lora_mid.weight", mid},
	{".lora_A.weight", down}, {".lora_B.weight", up}, {".lora_B.bias", upBias},
	{".alpha", alpha}, {".scale", scaleOf}, {".scalar", scalar},
	{".dora_scale", doraScale}, {".lora_magnitude_vector.weight", magnitudeVector}, {".lora_magnitude_vector", magnitudeVector},
	{".hada_w1_a", hada1a}, {".hada_w1_b", hada1b}, {".hada_w2_a", hada2a}, {".hada_w2_b", hada2b}, {".hada_t1", hadaT1}, {".hada_t2", hadaT2},
	{".lokr_w1", lokr1}, {".lokr_w2", lokr2}, {".lokr_w1_a", lokr1a}, {".lokr_w1_b", lokr1b}, {".lokr_w2_a", lokr2a}, {".lokr_w2_b", lokr2b}, {".lokr_t2", lokrT2},
	{".diff", diff}, {".diff_b", diffBias}, {".w_norm", normDiff}, {".b_norm", bNorm},
	{".oft_blocks", oftBlocks}, {".rescale", oftRescale}, {".on_input", onInput}, {".ia3_l", ia3PEFT},
	{".a1.weight", gloraA1}, {".a2.weight", gloraA2}, {".b1.weight", gloraB1}, {".b2.weight", gloraB2},
	{".weight", ia3},
}

// split takes the name of a tensor apart: the module, and the tensor's role, or "".
func split(name string) (module string, r role) {
	for _, part := range []string{".lora_A.", ".lora_B.", ".lora_magnitude_vector."} {
		before, after, ok := strings.Cut(name, part)
		named, ending, dotted := strings.Cut(after, ".")
		switch {
		case !ok:
		case dotted && !strings.Contains(ending, "."):
			name = before + part + ending // without the adapter's own name
		case part == ".lora_magnitude_vector." && named != "weight":
			name = before + strings.TrimSuffix(part, ".")
		}
	}
	for _, s := range suffixes {
		if module, ok := strings.CutSuffix(name, s.end); ok && module != "" {
			return module, s.role
		}
	}
	return "", ""
}

// A kind of adapters makes a change of the tensors of a module for a target.
type kind struct {
	name string
	has  role
	make func(m *module, t *Target) (*Change, error)
}

// kinds are told by a tensor that no other has, or else by their order here.
var kinds = []kind{
	{"LoRA", down, newLoRA}, {"LoRA", up, newLoRA},
	{"LoHa", hada1a, newLoHa},
	{"LoKr", lokr1, newLoKr}, {"LoKr", lokr1a, newLoKr},
	{"OFT", oftBlocks, newOFT},
	{"whole change", diff, newWhole},
	{"IA³", onInput, newIA3}, {"IA³", ia3PEFT, newIA3},
	{"norm", normDiff, newNorm}, {"norm", bNorm, newNorm},
	{"bias", diffBias, newBias},
	{gLoRA, gloraA1, newGLoRA},
}

// kind returns that of the module, or nil if its tensors are none.
func (m *module) kind() *kind {
	for i := range kinds {
		if m.has(kinds[i].has) {
			return &kinds[i]
		}
	}
	return nil
}

func (m *module) has(r role) bool { return m.tensors[r] != "" }
