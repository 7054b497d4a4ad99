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

// isaEnv limits the instruction set: generic, avx2 or avx512. One that the
// processor lacks means the best below it; an unknown value is ignored.
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

// ISA names the instruction set that the kernels use: generic, avx2 or avx512.
// All three give the same bytes.
func ISA() string { return isa.String() }
