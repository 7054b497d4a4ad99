//go:build !purego

package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

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
