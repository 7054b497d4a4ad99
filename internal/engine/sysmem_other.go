//go:build !linux && !darwin

package engine

// machineMemory returns the assumed memory of the machine in bytes.
func machineMemory() int64 { return defaultMemory }
