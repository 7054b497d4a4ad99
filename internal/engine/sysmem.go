package engine

import (
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// defaultMemory is taken for the machine's memory where it cannot be read.
const defaultMemory = 16 << 30

// Overhead is about what a process takes beside what engines count: Go's runtime and
// the garbage that its collector has not yet freed, plans, code, and the kernels'
// scratch.
const Overhead = 128 << 20

// machineMemory returns the memory that the process may use: the machine's, or, in a
// container with a limit (cgroup v1 or v2), what the limit leaves beside Overhead.
func machineMemory() int64 {
	return usable(memlimit.FromSystem, memlimit.FromCgroup)
}

// usable is machineMemory for ways to read the machine's memory and the container's
// limit, which return an error where there is none.
func usable(system, container func() (uint64, error)) int64 {
	memory := int64(defaultMemory)
	if n, err := system(); err == nil && n > 0 && n <= math.MaxInt64 {
		memory = int64(n)
	}
	if n, err := container(); err == nil && n < uint64(memory) {
		memory = max(int64(n)-Overhead, int64(n)/2)
	}
	return memory
}
