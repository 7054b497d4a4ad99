//go:build !purego

package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestChooseISA(t *testing.T) {
	for wish, want := range map[string]instructionSet{
		"": isaNEON, "neon": isaNEON, "generic": isaGeneric, "avx2": isaNEON,
	} {
		assert.Equal(t, want, chooseISA(wish, bestISA()), "%q", wish)
	}
}
