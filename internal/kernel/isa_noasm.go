//go:build !amd64 || purego

package kernel

// isa is the instruction set in use: without assembly there is only one.
var isa = isaGeneric

func bestISA() instructionSet { return isaGeneric }
