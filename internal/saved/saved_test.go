package saved_test

import (
	"crypto/sha256"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/saved"
)

const magic = "test"

type header struct{ Version int }

// What was saved comes back bit for bit, and bytes that were cut or changed do not.
func TestSaved(t *testing.T) {
	numbers := []float32{1, -0.5, float32(math.Inf(1))}
	out, err := saved.Begin(magic, header{7})
	require.NoError(t, err)
	out = saved.Seal(append(saved.AppendFloats(out, numbers), "rest"...))

	var h header
	body, err := saved.Open(out, magic, &h)
	require.NoError(t, err)
	back := make([]float32, 3)
	assert.Equal(t, "rest", string(saved.TakeFloats(back, body)))
	assert.Equal(t, numbers, back)
	assert.Equal(t, header{7}, h)

	for n := range out {
		_, err := saved.Open(out[:n], magic, &h)
		assert.Error(t, err, "cut to %d bytes", n)
		changed := append([]byte(nil), out...)
		changed[n] ^= 1
		_, err = saved.Open(changed, magic, &h)
		assert.Error(t, err, "byte %d changed", n)
	}
	_, err = saved.Begin(magic, math.NaN())
	assert.Error(t, err)
}

// A header may say anything, with the right checksum too.
func TestHeader(t *testing.T) {
	for want, text := range map[string]string{
		"have a header of 4278190080 bytes, want at most 2": magic + "\x00\x00\x00\xff{}",
		"have a header of 3 bytes, want at most 2":          magic + "\x03\x00\x00\x00{}",
		"header: ": magic + "\x01\x00\x00\x00{}",
		"the checksum does not match: the bytes were changed or cut": magic,
		`have 34 bytes that do not begin with "test"`:                "te",
	} {
		sum := sha256.Sum256([]byte(text))
		_, err := saved.Open(append([]byte(text), sum[:]...), magic, &header{})
		assert.ErrorContains(t, err, want)
	}
}
