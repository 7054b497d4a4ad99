//go:build !purego

package kernel

import (
	"os"

	"golang.org/x/sys/cpu"
)

// isa is the instruction set in use. Tests change it; nothing else may.
var isa = chooseISA(os.Getenv(isaEnv), bestISA())

// bestISA asks the processor, and by way of x/sys/cpu whether the operating
// system saves the wide registers.
func bestISA() instructionSet {
	x := cpu.X86
	switch {
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512DQ && x.HasFMA:
		return isaAVX512
	case x.HasAVX2 && x.HasFMA && x.HasF16C:
		return isaAVX2
	}
	return isaGeneric
}
