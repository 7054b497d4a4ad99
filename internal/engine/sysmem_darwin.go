package engine

import "golang.org/x/sys/unix"

// machineMemory returns the machine's memory in bytes.
func machineMemory() int64 {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return defaultMemory
	}
	return int64(n)
}
