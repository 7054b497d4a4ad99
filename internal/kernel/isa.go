package kernel

// instructionSet names the code that runs, worst first.
type instructionSet int

const (
	isaGeneric instructionSet = iota // plain Go
	isaAVX2                          // AVX2 and FMA
	isaAVX512                        // AVX-512 F, BW, VL and DQ
)

var isaNames = [...]string{"generic", "avx2", "avx512"}

func (s instructionSet) String() string { return isaNames[s] }

// isaEnv limits the instruction set: generic, avx2, avx512, or avx512 with
// instructions for integers (vnni) and for bfloat16 too (bf16). One that the processor
// lacks means the best below it; an unknown value is ignored.
const isaEnv = "SDGO_ISA"

// chooseISA is the instruction set for a wish and what the processor has.
func chooseISA(wish string, have instructionSet) instructionSet {
	for i, name := range isaNames {
		if name == wish {
			return min(instructionSet(i), have)
		}
	}
	return have
}

// chooseGrouped is what to use of the instructions for integers and bfloat16, for a
// wish and what the processor has.
func chooseGrouped(wish string, have groups) groups {
	switch wish {
	case "generic", "avx2", "avx512":
		return groups{}
	case "vnni":
		have.bf16 = false
	}
	return have
}

// groups are instructions for sums of products of integers and of bfloat16.
type groups struct{ vnni, bf16 bool }

// ISA names the instruction set that the kernels use: generic, avx2 or avx512, and
// what is there beside it. All give the same bytes, except for products of bfloat16.
func ISA() string {
	name := isa.String()
	if grouping.vnni {
		name += " vnni"
	}
	if grouping.bf16 {
		name += " bf16"
	}
	return name
}
