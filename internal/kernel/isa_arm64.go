//go:build !purego

package kernel

import "os"

const isaNEON instructionSet = 1 // Advanced SIMD, which every arm64 has

var isaNames = [...]string{"generic", "neon"}

// isa is the instruction set in use. Tests change it; nothing else may.
var isa = chooseISA(os.Getenv(isaEnv), bestISA())

func bestISA() instructionSet { return isaNEON }
