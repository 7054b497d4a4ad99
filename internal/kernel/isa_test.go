package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

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

func TestChooseISA(t *testing.T) {
	tests := []struct {
		wish       string
		have, want instructionSet
	}{
		{"", isaAVX512, isaAVX512},
		{"generic", isaAVX512, isaGeneric},
		{"avx2", isaAVX512, isaAVX2},
		{"avx512", isaAVX512, isaAVX512},
		{"avx512", isaAVX2, isaAVX2},
		{"avx2", isaGeneric, isaGeneric},
		{"neon", isaAVX2, isaAVX2},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, chooseISA(tt.wish, tt.have), "%q on %v", tt.wish, tt.have)
	}
}
