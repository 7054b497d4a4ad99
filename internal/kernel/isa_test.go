package kernel

import "testing"

// eachISA runs a test with every instruction set that this processor has.
func eachISA(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	for s := range bestISA() + 1 {
		t.Run(s.String(), func(t *testing.T) {
			withISA(s, func() { test(t) })
		})
	}
}

// withISA runs f with another instruction set.
func withISA(s instructionSet, f func()) {
	defer func(old instructionSet) { isa = old }(isa)
	isa = s
	f()
}
