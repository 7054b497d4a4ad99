package kernel

// instructionSet names the code that runs, the slowest first. Each architecture has
// its own after isaGeneric, and their names in isaNames.
type instructionSet int

const isaGeneric instructionSet = 0 // plain Go

func (s instructionSet) String() string { return isaNames[s] }

// isaEnv limits the instruction set: generic, avx2, avx512, or avx512 with
// instructions for integers (vnni) and for bfloat16 too (bf16); on arm64 generic or
// neon. One that the processor lacks means the best below it; an unknown value, and
// one of another architecture, is ignored.
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

// chooseDots is what to use of the instructions for integers and bfloat16, for a
// wish and what the processor has.
func chooseDots(wish string, have dotSet) dotSet {
	switch wish {
	case "generic", "avx2", "avx512":
		return dotSet{}
	case "vnni":
		have.bf16 = false
	}
	return have
}

// dotSet is which instructions there are for words: sums of products of integers, and of
// bfloat16.
type dotSet struct{ vnni, bf16 bool }

// ISA names the instruction set that the kernels use: generic, avx2, avx512 or neon,
// and what is there beside it. All give the same bytes, but for sums of products of
// bfloat16 below 2⁻¹²⁶.
func ISA() string {
	name := isa.String()
	if dots.vnni {
		name += " vnni"
	}
	if dots.bf16 {
		name += " bf16"
	}
	return name
}
