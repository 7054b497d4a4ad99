//go:build unix

package safetensors_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/safetensors"
)

// long writes a file of a float32 and an int64 tensor that take many pages.
func long(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.safetensors")
	x, err := safetensors.NewFloat32("x", []int{1 << 18}, make([]float32, 1<<18))
	require.NoError(t, err)
	n, err := safetensors.NewInt64("n", []int{1 << 18}, make([]int64, 1<<18))
	require.NoError(t, err)
	require.NoError(t, safetensors.WriteFile(path, []safetensors.Tensor{x, n}, nil))
	return path
}

// A file that is cut while it is mapped gives errors; another that is open serves on.
func TestCutWhileMapped(t *testing.T) {
	path, other := long(t), long(t)
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	defer f.Close()
	whole, err := safetensors.Open(other)
	require.NoError(t, err)
	defer whole.Close()
	x, _ := f.Tensor("x")
	n, _ := f.Tensor("n")
	require.NoError(t, f.Changed())
	require.NoError(t, os.Truncate(path, 4096))

	reads := map[string]func() error{
		"Float32sInto": func() error { return x.Float32sInto(make([]float32, x.Len())) },
		"Float32s":     func() error { _, err := n.Float32s(); return err },
		"Int64s":       func() error { _, err := n.Int64s(); return err },
		"Write":        func() error { return safetensors.Write(new(bytes.Buffer), []safetensors.Tensor{x}, nil) },
		"view": func() error {
			v, err := x.Float32s()
			if err != nil {
				return err
			}
			return safetensors.Guard(func() error {
				if v[len(v)-1] != 0 {
					return errors.New("not zero")
				}
				return nil
			})
		},
	}
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			var fault *safetensors.FaultError
			require.ErrorAs(t, read(), &fault)
			assert.Equal(t, path, fault.Name)
			assert.GreaterOrEqual(t, fault.Offset, int64(4096))
			assert.ErrorContains(t, fault, "safetensors: "+path)
		})
	}
	assert.ErrorContains(t, f.Changed(), "was changed while it was open")
	x, _ = whole.Tensor("x")
	assert.NoError(t, x.Float32sInto(make([]float32, x.Len())))
	assert.NoError(t, whole.Changed())
}

// A change of content is seen; a new file of the same name is none.
func TestChanged(t *testing.T) {
	path := long(t)
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	defer f.Close()
	later := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(path, later, later))
	assert.ErrorContains(t, f.Changed(), path)

	path = long(t)
	g, err := safetensors.Open(path)
	require.NoError(t, err)
	defer g.Close()
	require.NoError(t, os.Remove(path))
	assert.NoError(t, g.Changed())
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o644))
	assert.NoError(t, g.Changed())
}

// Guard leaves other panics alone.
func TestGuard(t *testing.T) {
	assert.PanicsWithValue(t, "mine", func() { safetensors.Guard(func() error { panic("mine") }) })
	mine := errors.New("mine")
	assert.Equal(t, mine, safetensors.Guard(func() error { return mine }))
}
