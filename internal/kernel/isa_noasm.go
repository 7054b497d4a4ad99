//go:build !(amd64 || arm64) || purego

package kernel

var isaNames = [...]string{"generic"}

// isa is the instruction set in use: without assembly there is only one.
var isa = isaGeneric

func bestISA() instructionSet { return isaGeneric }
