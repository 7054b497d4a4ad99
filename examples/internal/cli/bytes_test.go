package cli

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestBytes(t *testing.T) {
	for s, want := range map[string]int64{"7": 7, "3GB": 3e9, "2.5G": 25e8, "512MiB": 512 << 20, "1kB": 1000, "2KiB": 2048} {
		have, err := Bytes(s)
		assert.NoError(t, err, s)
		assert.Equal(t, want, have, s)
	}
	for _, s := range []string{"", "0", "-1GB", "lots", "1e30GB", "NaN", "inf", "0.1", "GB"} {
		_, err := Bytes(s)
		assert.ErrorContains(t, err, "want bytes such as 3GB", s)
	}
}
